// Decisions as they are made. Gateways report them only while somebody is here and has not paused.

import { ask } from "./asking.js";
import { address, h, moment, policyLink, settled, show, sign } from "./dom.js";

const KEPT = 300;
const KINDS = { allowed: "good", limited: "error", failed: "warning" };
const NAMES = { allowed: "admitted", limited: "limited", failed: "failed" };
// What has been seen stays for who follows a decision to its reason and comes back.
const seen = { rows: [], missed: 0 };

export async function decisions(context) {
  if (context.place.querySelector("#decided")) return null;
  const told = await ask("modules").catch(() => ({ boot: "", version: "" }));
  context.paused = false;
  frame(context);
  begin(context);
  context.leave = () => clearTimeout(context.drawing);
  return { boot: told.boot, version: told.version };
}

function begin(context) {
  context.following = context.paused
    ? {}
    : {
        follow: "decisions",
        verdict: context.parameters.get("verdict") ?? "",
        q: context.parameters.get("q") ?? "",
        headers: context.parameters.get("headers") ?? "",
      };
  context.listeners = { decisions: (event) => take(context, event) };
}

function frame(context) {
  const chosen = new Set((context.parameters.get("verdict") ?? "").split(",").filter(Boolean));
  const again = () => {
    begin(context);
    context.followAgain();
  };
  const write = (name) =>
    settled((text) => {
      context.keep(name, text);
      again();
    }, 350);
  const search = write("q");
  const headers = write("headers");
  show(
    context.place,
    h("div", { class: "head" }, h("h1", {}, "Decisions"), h("p", { class: "faint" }, "what gateways decide, while they do; a request leads to why")),
    h(
      "div",
      { class: "tools" },
      h("div", { class: "wide" }, h("label", { for: "search" }, "Only with these words: host, path, route, policy, limit"), h("input", { type: "search", id: "search", value: context.parameters.get("q") ?? "", autocomplete: "off", spellcheck: "false", input: (event) => search(event.target.value.trim()) })),
      h("div", { class: "wide" }, h("label", { for: "headers" }, "Headers to show (values are masked)"), h("input", { type: "text", id: "headers", value: context.parameters.get("headers") ?? "", placeholder: "x-user", autocomplete: "off", spellcheck: "false", input: (event) => headers(event.target.value.trim()) })),
      h(
        "div",
        { class: "group", role: "group", "aria-label": "Only these" },
        Object.entries(NAMES).map(([verdict, name]) =>
          h(
            "button",
            {
              type: "button",
              "aria-pressed": String(chosen.has(verdict)),
              click: (event) => {
                if (chosen.has(verdict)) chosen.delete(verdict);
                else chosen.add(verdict);
                event.currentTarget.setAttribute("aria-pressed", String(chosen.has(verdict)));
                context.keep("verdict", [...chosen].join(","));
                again();
              },
            },
            name,
          ),
        ),
      ),
      h(
        "div",
        { class: "group" },
        h(
          "button",
          {
            type: "button",
            id: "pause",
            "aria-pressed": "false",
            click: (event) => {
              context.paused = !context.paused;
              event.currentTarget.setAttribute("aria-pressed", String(context.paused));
              event.currentTarget.textContent = context.paused ? "Go on" : "Pause";
              again();
              draw(context);
            },
          },
          "Pause",
        ),
        h("button", { type: "button", click: () => { seen.rows = []; seen.missed = 0; draw(context); } }, "Clear"),
      ),
    ),
    h("p", { class: "faint small", id: "decided-state", role: "status" }),
    h("div", { id: "decided" }),
  );
  draw(context);
}

function take(context, event) {
  context.problems = event.problems;
  seen.missed += event.missed;
  for (const one of event.decisions) seen.rows.unshift(one);
  seen.rows.length = Math.min(seen.rows.length, KEPT);
  if (!context.drawing) {
    context.drawing = setTimeout(() => {
      context.drawing = 0;
      draw(context);
    }, 100);
  }
}

function draw(context) {
  const place = document.getElementById("decided");
  if (!place || context.left) return;
  const state = document.getElementById("decided-state");
  const text = context.paused ? "Paused: gateways report nothing." : seen.rows.length ? `The last ${KEPT} are kept.` : "Following. Nothing has been told since. A gateway tells what it decides from its next question to the rate limit service on: not what fails before, nor what only limits with scope: Gateway decide.";
  const missed = seen.missed ? ` ${seen.missed.toLocaleString("en")} more came too fast to be shown.` : "";
  if (state.textContent !== text + missed) state.textContent = text + missed;
  show(
    place,
    (context.problems ?? []).map((one) => h("p", { class: "doubt" }, one)),
    seen.rows.length
      ? h(
          "div",
          { class: "wide-table", role: "region", "aria-label": "Decisions", tabindex: "0" },
          h(
            "table",
            { class: "decisions" },
            h("caption", { class: "unseen" }, "Decisions, the latest first"),
            h("thead", {}, h("tr", {}, ["Time", "Verdict", "Request", "By", "Route"].map((name) => h("th", { scope: "col" }, name)))),
            h("tbody", {}, seen.rows.map(row)),
          ),
        )
      : null,
  );
}

function row(one) {
  const headers = Object.entries(one.headers ?? {});
  return h(
    "tr",
    {},
    h("td", {}, moment(one.time)),
    h("td", {}, sign(KINDS[one.verdict], NAMES[one.verdict])),
    h("td", { class: "request" }, h("a", { href: why(one), title: "Why" }, `${one.method} ${one.host}${one.path}`), headers.map(([name, value]) => h("div", { class: "faint" }, `${name}: ${value}`))),
    h(
      "td",
      { class: "why" },
      one.error ? `${one.error} ` : "",
      one.limit ? name(one.limit) : "",
      one.limit || one.error ? (one.policies ?? []).map((policy) => [" of ", policyLink(policy)]) : null,
      one.expression ? h("div", {}, `${one.part}: `, h("code", {}, one.expression)) : null,
    ),
    h("td", {}, one.route || one.scope || ""),
  );
}

/** The limit's name in its key, as kuadrant tap shows it. */
function name(key) {
  return key.replace(/^limit\./, "").replace(/__[0-9a-f]+$/, "");
}

function why(one) {
  const headers = Object.keys(one.headers ?? {}).map((header) => `${header}: `).join("\n");
  return address("try", { method: one.method, url: `${one.host}${one.path}`, headers, route: one.route, gateway: "" });
}
