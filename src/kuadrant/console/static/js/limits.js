// Calls by scope and limit as lines over time, and the counters that are nearest to their limit.

import { ask } from "./asking.js";
import { count, h, show, sign, span, table, trend } from "./dom.js";

const SAMPLES = 60;

export async function limits(context) {
  const told = await ask("limits");
  context.following = { follow: "limits" };
  context.trends ??= new Map();
  if (!context.place.querySelector("#calls")) {
    show(
      context.place,
      h("div", { class: "head" }, h("h1", {}, "Limits"), h("p", { class: "faint" }, "what was admitted and limited; lines are calls a second of the last minute")),
      h("div", { id: "calls" }),
      h("h2", {}, "Counters nearest to their limit"),
      h("div", { id: "counters" }),
    );
    showCalls(context, told);
  }
  if (told.problem) showCalls(context, told);
  showCounters(context, told);
  context.listeners = {
    totals: (totals) => {
      if (!totals.problem) sample(context, totals);
      showCalls(context, totals);
    },
  };
  if (!context.timer) {
    context.timer = setInterval(async () => {
      if (document.hidden) return;
      try {
        showCounters(context, await ask("limits"));
      } catch {
        // The stream says that nobody answers.
      }
    }, 2000);
    context.leave = () => clearInterval(context.timer);
  }
  return told;
}

/** Keeps what each number grew by since the last event. */
function sample(context, totals) {
  const at = performance.now() / 1000;
  const passed = context.at ? Math.max(0.5, at - context.at) : 0;
  context.at = at;
  const note = (key, value) => {
    const before = context.trends.get(key) ?? { value, line: [] };
    if (passed) before.line = [...before.line, Math.max(0, value - before.value) / passed].slice(-SAMPLES);
    before.value = value;
    context.trends.set(key, before);
  };
  for (const scope of totals.scopes) {
    note(scope.scope, scope.admitted);
    for (const one of scope.limits) {
      note(`${scope.scope} ${one.limit} limited`, one.limited);
      note(`${scope.scope} ${one.limit} shadow`, one.shadow);
      note(`${scope.scope} ${one.limit} soft`, one.soft);
    }
  }
}

function cells(context, key, value, kind) {
  const line = context.trends.get(key)?.line ?? [];
  const rate = line.length ? line[line.length - 1] : 0;
  return [
    h("td", { class: "number" }, value.toLocaleString("en")),
    h("td", { class: "number" }, `${rate.toFixed(rate && rate < 10 ? 1 : 0)}/s`),
    h("td", { class: "line" }, trend(line, kind)),
  ];
}

function showCalls(context, totals) {
  const place = document.getElementById("calls");
  if (!place) return;
  if (totals.problem) {
    show(place, h("p", { class: "doubt" }, totals.problem));
    return;
  }
  const rows = totals.scopes.flatMap((scope) => [
    h("tr", { class: "group" }, h("th", { scope: "row" }, scope.scope), h("td", {}, sign("good", "admitted")), cells(context, scope.scope, scope.admitted, "")),
    ...scope.limits.flatMap((one) => [
      one.limited || !(one.shadow || one.soft) ? h("tr", { class: "below" }, h("th", { scope: "row" }, one.limit || "(limits that are gone)"), h("td", {}, sign("error", "limited")), cells(context, `${scope.scope} ${one.limit} limited`, one.limited, "limited")) : null,
      one.shadow ? h("tr", { class: "below" }, h("th", { scope: "row" }, one.limit || "(limits that are gone)"), h("td", {}, sign("shadow", "in shadow")), cells(context, `${scope.scope} ${one.limit} shadow`, one.shadow, "shadow")) : null,
      one.soft ? h("tr", { class: "below" }, h("th", { scope: "row" }, one.limit || "(limits that are gone)"), h("td", {}, sign("shadow", "soft, exceeded")), cells(context, `${scope.scope} ${one.limit} soft`, one.soft, "shadow")) : null,
    ]),
  ]);
  show(
    place,
    h("p", { class: "faint small" }, `${count(totals.admitted, "call")} admitted, ${totals.limited.toLocaleString("en")} limited, ${totals.shadow.toLocaleString("en")} limited in shadow, ${totals.failed.toLocaleString("en")} not decided`),
    rows.length ? table("Calls by scope and limit", ["Route or policy, limit", "", ["Calls", "number"], ["Now", "number"], "Last minute"], rows) : h("p", { class: "empty" }, "No request that a limit is for has come yet."),
    totals.scopes_more ? h("p", { class: "faint small" }, `and ${count(totals.scopes_more, "more", "more")} with fewer calls`) : null,
  );
}

function showCounters(context, told) {
  const place = document.getElementById("counters");
  if (!place) return;
  const rows = told.counters.map((one) => {
    const used = one.max_value ? one.value / one.max_value : 1;
    const key = one.key.map(([name, value]) => `${name} = ${value}`).join(", ");
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, one.limit, h("div", { class: "faint small" }, one.scope)),
      h("td", { class: "mono" }, one.shared ? "(values that share one)" : key || "–"),
      h("td", {}, h("meter", { min: "0", max: String(one.max_value || 1), value: Math.min(one.value, one.max_value || 1), low: String((one.max_value || 1) * 0.8), high: String((one.max_value || 1) * 0.999), optimum: "0", "aria-label": `${Math.round(used * 100)} % of ${one.limit}` })),
      h("td", { class: "number" }, `${one.value} of ${one.max_value}`),
      h("td", { class: "number" }, one.remaining),
      h("td", { class: "number" }, span(one.resets_in)),
      h("td", {}, one.enforce_percent === undefined || one.enforce_percent === 100 ? "" : sign("shadow", one.mode === "Soft" ? "soft" : one.enforce_percent ? `${one.enforce_percent} % enforced` : "in shadow")),
    );
  });
  show(
    place,
    told.problems.map((text) => h("p", { class: "doubt" }, text)),
    told.stored ? h("p", { class: "doubt" }, "Counters are in a store, and are not told.") : null,
    rows.length
      ? table("Counters", ["Limit", "Counted by", "Used", ["Hits", "number"], ["Left", "number"], ["Begins anew in", "number"], "Mode"], rows)
      : h("p", { class: "empty" }, "No counter is live."),
    h("p", { class: "faint small" }, `${count(told.counted, "counter")} looked at${told.unseen ? `, ${told.unseen} not` : ""}${told.masked ? "; values are masked, equal ones alike" : ""}`),
  );
}
