// What is wrong, the gravest first; then how much there is of everything, and what changed.

import { ask } from "./asking.js";
import { count, h, link, moment, prose, show, sign } from "./dom.js";

const WORDS = { error: "error", warning: "warning", note: "note" };

export async function now(context) {
  const told = await ask("now");
  context.following = { follow: "now" };
  const calls = h("div", { id: "calls" }, context.calls ? null : h("p", { class: "empty" }, "counting"));
  context.listeners = { totals: (totals) => showCalls(context, totals) };
  const { error, warning, note } = told.severities;
  const title = error
    ? `${count(error, "error")}${warning ? `, ${count(warning, "warning")}` : ""}`
    : warning
      ? count(warning, "warning")
      : "Nothing is wrong";
  show(
    context.place,
    h(
      "div",
      { class: "head" },
      h("h1", {}, title),
      h("p", { class: "faint" }, told.since ? ["the configuration is live since ", moment(told.since)] : "nothing is live yet"),
    ),
    told.notes.map((text) => h("p", { class: "doubt" }, text)),
    told.troubles.length
      ? h("ul", { class: "troubles", "aria-label": "What is wrong" }, told.troubles.map(trouble))
      : h("p", { class: "well" }, sign("good", "Every policy is in effect, and every gateway runs what it is to run.")),
    told.more ? h("p", { class: "empty" }, `and ${count(told.more, "more", "more")}; kuadrant check tells all`) : null,
    note && !error && !warning ? h("p", { class: "empty" }, `${count(note, "note")} beside it`) : null,
    h("h2", {}, "Requests that a limit is for"),
    calls,
    h("h2", {}, "What there is"),
    numbers([
      ["Gateways", told.counts.gateways, "topology"],
      ["Listeners", told.counts.listeners, "topology"],
      ["Routes", told.counts.routes, "topology"],
      ["Policies", told.counts.policies, "policy"],
      ["of these enforced", told.counts.enforced, "policy"],
    ]),
    h("h2", {}, "Last changes"),
    edits(told.edits),
  );
  if (context.calls) showCalls(context, context.calls.last);
  return told;
}

export function trouble(one) {
  return h(
    "li",
    { class: one.severity },
    h(
      "div",
      { class: "what" },
      sign(one.severity, WORDS[one.severity]),
      h("strong", {}, one.policy ? link("policy", { name: one.policy }, one.what) : one.what),
      one.at ? h("span", { class: "faint small" }, moment(one.at)) : null,
      one.code ? h("span", { class: "faint small mono code" }, one.code) : null,
    ),
    h("p", {}, prose(one.text)),
    one.place ? h("p", { class: "mono faint" }, one.place) : null,
    one.fix ? h("p", { class: "fix" }, prose(one.fix)) : null,
  );
}

export function edits(all) {
  if (!all.length) return h("p", { class: "empty" }, "Nothing has changed since the start.");
  return all.map((edit) =>
    h(
      "div",
      { class: "block" },
      h("p", { class: "faint small" }, moment(edit.at)),
      edit.routes.map((route) =>
        h(
          "div",
          {},
          h("h3", {}, route.route),
          h(
            "ul",
            { class: "plain" },
            (route.added ?? []).map((text) => h("li", {}, h("strong", {}, "new "), text)),
            (route.changed ?? []).map((text) => h("li", {}, h("strong", {}, "changed "), text)),
            (route.removed ?? []).map((text) => h("li", {}, h("strong", {}, "gone "), text)),
          ),
        ),
      ),
      edit.more ? h("p", { class: "faint" }, `and ${count(edit.more, "more route")}`) : null,
    ),
  );
}

function numbers(all) {
  return h(
    "dl",
    { class: "numbers" },
    all.map(([name, value, view]) => h("div", {}, h("dt", {}, view ? link(view, {}, name) : name), h("dd", {}, value))),
  );
}

function showCalls(context, totals) {
  const place = document.getElementById("calls");
  if (!place) return;
  if (totals.problem) {
    show(place, h("p", { class: "doubt" }, totals.problem));
    return;
  }
  const before = context.calls;
  const at = performance.now() / 1000;
  const rate = {};
  for (const name of ["admitted", "limited", "shadow", "failed"]) {
    const passed = before && before.last !== totals ? totals[name] - before.last[name] : null;
    rate[name] = passed === null ? (before?.rate[name] ?? 0) : Math.max(0, passed) / Math.max(0.5, at - before.at);
  }
  if (!before || before.last !== totals) context.calls = { last: totals, at, rate };
  const cell = (name, kind, text) =>
    h(
      "div",
      {},
      h("dt", {}, kind ? sign(kind, text) : text),
      h("dd", {}, totals[name].toLocaleString("en"), h("small", {}, ` ${rate[name].toFixed(rate[name] < 10 ? 1 : 0)}/s`)),
    );
  show(
    place,
    h(
      "dl",
      { class: "numbers" },
      cell("admitted", "good", "admitted"),
      cell("limited", "error", "limited"),
      cell("shadow", "shadow", "limited in shadow"),
      cell("failed", "warning", "not decided"),
    ),
    h("p", { class: "small faint" }, "since the rate limit service began; ", link("limits", {}, "by limit")),
  );
}
