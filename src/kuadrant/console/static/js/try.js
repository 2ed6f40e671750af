// A request, and what becomes of it; the same can be saved as a test of policies.

import { Problem, ask } from "./asking.js";
import { h, policyLink, say, show, sign } from "./dom.js";

const FIELDS = ["url", "method", "headers", "times", "gateway", "port", "source", "jwt", "route"];
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

// The form outlives a context: the tab Try, pressed while the form is there, begins another one.
let current = null;

export async function tryIt(context) {
  const before = current;
  current = context;
  if (context.place.querySelector("#try-form")) {
    context.tried ||= Boolean(before?.tried);
    // What is shown has changed: the same request again, without a word from the person.
    if (context.tried) await send(context);
    return { boot: "", version: "" };
  }
  const given = Object.fromEntries(FIELDS.map((name) => [name, context.parameters.get(name) ?? ""]));
  show(
    context.place,
    h("div", { class: "head" }, h("h1", {}, "Try a request"), h("p", { class: "faint" }, "what becomes of it, and why; nothing is sent to a gateway, and counters begin at nothing")),
    h("div", { class: "split" }, form(context, given), h("section", { id: "tried", "aria-label": "What becomes of it", "aria-live": "polite" }, h("p", { class: "empty" }, "Write a request and press Try."))),
  );
  if (given.url) await send(context);
  return { boot: "", version: "" };
}

function form(context, given) {
  const field = (name, label, input) => h("div", { class: "field" }, h("label", { for: `try-${name}` }, label), input);
  const text = (name, more = {}) => h("input", { type: "text", id: `try-${name}`, value: given[name], autocomplete: "off", spellcheck: "false", ...more });
  const advanced = ["gateway", "port", "source", "jwt"].some((name) => given[name]);
  return h(
    "form",
    {
      id: "try-form",
      submit: (event) => {
        event.preventDefault();
        send(current);
      },
    },
    h("input", { type: "hidden", id: "try-route", value: given.route }),
    h(
      "div",
      { class: "two" },
      field("method", "Method", h("select", { id: "try-method" }, [...new Set([given.method || "GET", ...METHODS])].map((one) => h("option", {}, one)))),
      field("url", "URL", text("url", { placeholder: "api.toystore.com/toys", required: true })),
    ),
    field("headers", "Headers, one a line", h("textarea", { id: "try-headers", value: given.headers, placeholder: "x-user: alice", spellcheck: "false" })),
    field("times", "How often it is sent; told is the last one", h("input", { type: "number", id: "try-times", min: "1", max: "1000", value: given.times || "1" })),
    h(
      "details",
      { open: advanced },
      h("summary", {}, "Gateway, client and token"),
      field("gateway", "Gateway, where several are meant", text("gateway", { placeholder: "namespace/name" })),
      field("port", "Port of the gateway, whatever the URL says", text("port", { inputmode: "numeric" })),
      field("source", "Address of the client", text("source", { placeholder: "10.0.0.7" })),
      field("jwt", "Claims of the client's token, as JSON", text("jwt", { placeholder: '{"sub": "alice"}' })),
    ),
    h("button", { type: "submit", class: "main" }, "Try"),
  );
}

function read() {
  const value = (name) => document.getElementById(`try-${name}`).value.trim();
  const tried = { url: value("url"), method: value("method"), times: Number(value("times")) || 1 };
  const headers = value("headers").split("\n").filter((line) => line.trim());
  if (headers.length) tried.headers = headers;
  for (const name of ["gateway", "source", "jwt", "route"]) if (value(name)) tried[name] = value(name);
  if (/^\d+$/.test(value("port"))) tried.port = Number(value("port"));
  return tried;
}

async function send(context) {
  const tried = read();
  if (!tried.url) return;
  const bytes = new TextEncoder().encode(JSON.stringify(tried));
  const place = context.place.querySelector("#tried");
  try {
    const told = await ask("try", {}, { "x-kuadrant-try": btoa(String.fromCharCode(...bytes)) });
    if (context.left) return;
    context.tried = true;
    show(place, result(told));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    show(place, h("p", { class: "ill" }, problem.message));
  }
}

function result(told) {
  const record = told.explanation;
  const kind = record.outcome === "admitted" ? "good" : record.outcome === "unknown" ? "doubtful" : "bad";
  const why = record.limits.map(limit);
  const others = record.policies.filter((one) => one.gone.length || !one.accepted);
  return [
    h("p", { class: `verdict ${kind}`, id: "verdict" }, told.verdict),
    record.unknown.length ? [h("h2", {}, "What is not known"), h("ul", { class: "plain" }, record.unknown.map((one) => h("li", {}, h("code", {}, one.name), one.give ? ` – give ${one.give}` : " – only a gateway knows it")))] : null,
    h("h2", {}, "Limits"),
    why.length ? why : h("p", { class: "empty" }, record.rule ? "No limit is in effect for the rule." : "No rule is for it."),
    others.length ? [h("h2", {}, "Policies that do not have their way"), others.map(overridden)] : null,
    h("h2", {}, "Where it came in"),
    h(
      "dl",
      { class: "facts" },
      h("dt", {}, "Gateway"),
      h("dd", {}, `${record.listener.gateway}, port ${record.listener.port}${record.listener.because ? ` (${record.listener.because})` : ""}`),
      h("dt", {}, "Host"),
      h("dd", {}, record.host ?? `${record.request.authority}: none serves it`),
      h("dt", {}, "Rule"),
      h("dd", {}, record.rule ? [`${record.rule.rule || record.rule.id} of ${record.rule.route}: `, h("span", { class: "mono" }, record.rule.match), " ", h("span", { class: "faint mono small" }, where(record.rule.origin))] : "none"),
      record.client ? [h("dt", {}, "Answer"), h("dd", {}, record.client.status ? `${record.client.status}, ${record.client.because}` : "the backend's"), h("dt", {}, "Headers"), h("dd", { class: "mono" }, headers(record.client))] : null,
    ),
    h("details", { id: "all-steps" }, h("summary", {}, "Every step, as kuadrant explain --verbose tells it"), h("pre", { class: "paper", tabindex: "0" }, told.verbose)),
    test(told),
  ];
}

function headers(client) {
  const all = [...client.headers, ...client.rate_limit_headers];
  return all.length ? all.map(([name, value]) => h("div", {}, `${name}: ${value}`)) : "none of ours";
}

function where(origin) {
  return origin.file ? `${origin.file}:${origin.line}:${origin.column}` : origin.object;
}

const APPLIES = { yes: "applies", no: "does not apply", fails: "has no value", unknown: "may apply", unselected: "is for other rules", unlimited: "has no rates" };

function limit(one) {
  const denies = one.standings.some((each) => each.denies);
  const watches = one.standings.some((each) => each.would_deny);
  const kind = denies || one.applies === "fails" ? "error" : watches ? "shadow" : one.applies === "yes" ? "good" : one.applies === "unknown" ? "warning" : "note";
  const text = denies ? "is reached" : watches ? (one.mode === "Soft" ? "is exceeded, soft" : "would refuse it, in shadow") : one.applies === "yes" ? "has room" : APPLIES[one.applies];
  return h(
    "div",
    { class: "block" },
    h("div", { class: "what" }, h("strong", {}, one.name), h("span", {}, "of ", policyLink(one.policy)), sign(kind, text), h("span", { class: "faint mono small" }, where(one.origin))),
    h(
      "ul",
      { class: "plain" },
      one.because ? h("li", {}, one.because) : null,
      one.when.map((each) => h("li", {}, sign(each.result === "true" ? "good" : each.result === "false" ? "note" : "warning", each.result), " ", h("code", {}, each.text), parts(each))),
      one.standings.map((each) => h("li", {}, `${each.limit} in ${each.seconds} s: ${each.remaining} left, ${each.limit ? `whole again in ${Math.round(each.resets_in)} s` : "and never any"}`, each.key.length ? [" for ", h("code", {}, each.key.map(([name, value]) => `${name} = ${value}`).join(", "))] : "")),
      one.standings.length ? null : one.rates.map(([most, seconds]) => h("li", { class: "faint" }, `${most} in ${seconds} s`)),
    ),
  );
}

function parts(condition) {
  const seen = (condition.parts ?? []).filter((part) => part.reads && part.value !== undefined && part.value !== null);
  if (!seen.length) return condition.error ? h("span", { class: "faint" }, ` ${condition.error}`) : null;
  return h("span", { class: "faint" }, ` ${seen.map((part) => `${part.text} = ${part.value}`).join(", ")}`);
}

function overridden(one) {
  return h("div", { class: "block" }, h("div", { class: "what" }, policyLink(one.policy), h("span", { class: "faint" }, `for ${one.target}`)), h("p", {}, one.because || `${one.gone.join(", ")} not in effect`));
}

function test(told) {
  if (!told.test) return null;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(told.test);
      say("The test is copied.");
    } catch {
      say("It cannot be copied; select the text.");
    }
  };
  const save = () => {
    const file = URL.createObjectURL(new Blob([told.test], { type: "text/yaml" }));
    h("a", { href: file, download: "request.kuadrant-test.yaml" }).click();
    setTimeout(() => URL.revokeObjectURL(file), 1000);
  };
  return [
    h("h2", {}, "The same as a test"),
    h("p", { class: "faint small" }, "Beside the policies, as a file such as request.kuadrant-test.yaml, it is held by kuadrant test. It has the values of headers as they were written here."),
    h("pre", { class: "paper", id: "test-text", tabindex: "0" }, told.test),
    h("div", { class: "tools" }, h("button", { type: "button", click: save }, "Save as a file"), h("button", { type: "button", click: copy }, "Copy")),
  ];
}
