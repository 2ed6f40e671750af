// All policies, or one: the limits of each rule that it is about, what is said of it, and what changed.

import { ask } from "./asking.js";
import { count, h, link, pager, policyLink, settled, show, sign, table } from "./dom.js";
import { edits, trouble } from "./now.js";
import { hosts, state } from "./topology.js";

export async function policy(context) {
  const name = context.parameters.get("name");
  return name ? one(context, name) : all(context);
}

function pages(context, told) {
  return pager(told.page, told.pages, (next) => {
    context.keep("page", next || "");
    context.again().then(() => window.scrollTo(0, 0));
  });
}

async function all(context) {
  const query = context.parameters.get("q") ?? "";
  const told = await ask("policies", { q: query, page: context.parameters.get("page") ?? "" });
  if (query !== (context.parameters.get("q") ?? "")) return null;
  if (!context.place.querySelector("#found")) {
    const search = settled((text) => {
      context.keep("q", text);
      context.keep("page", "");
      context.again();
    });
    show(
      context.place,
      h("div", { class: "head" }, h("h1", {}, "Policies"), h("p", { class: "faint" }, "each with what it is for, and how it fares")),
      h(
        "div",
        { class: "tools" },
        h(
          "div",
          { class: "wide" },
          h("label", { for: "search" }, "Search names, targets and states"),
          h("input", { type: "search", id: "search", value: query, autocomplete: "off", spellcheck: "false", input: (event) => search(event.target.value.trim()) }),
        ),
      ),
      h("div", { id: "found" }),
    );
  }
  const rows = told.policies.map((row) =>
    h("tr", {}, h("th", { scope: "row" }, policyLink(row.policy)), h("td", {}, row.target), h("td", {}, state(row.state)), h("td", {}, conditions(row.conditions)), h("td", { class: "number" }, row.routes)),
  );
  show(
    context.place.querySelector("#found"),
    h("p", { class: "faint small", role: "status" }, query ? `${count(told.found, "policy", "policies")} of ${told.all.toLocaleString("en")} found` : count(told.all, "policy", "policies")),
    rows.length ? table("Policies", ["Policy", "For", "State", "Status", ["Routes", "number"]], rows) : h("p", { class: "empty" }, told.all ? "None is found." : "There is no RateLimitPolicy."),
    pages(context, told),
  );
  return told;
}

function conditions(found) {
  if (!found.length) return h("span", { class: "faint" }, "none yet");
  return h(
    "ul",
    {},
    found
      .filter((one) => !one.type.includes("/"))
      .map((one) => h("li", {}, sign(one.status === "True" ? "good" : "warning", `${one.type}=${one.status}`), one.status === "True" ? "" : ` ${one.reason}`)),
  );
}

async function one(context, name) {
  const told = await ask("policy", { name, page: context.parameters.get("page") ?? "" });
  const block = told.section === "limits" ? "limits" : `${told.section}, ${told.strategy}`;
  const shared = new Set(told.rules.flatMap((rule) => rule.limits.filter((limit) => limit.policy !== name).map((limit) => limit.policy)));
  show(
    context.place,
    h("p", { class: "small" }, link("policy", {}, "All policies")),
    h("div", { class: "head" }, h("h1", {}, `RateLimitPolicy ${told.policy}`), state(told.state)),
    h(
      "dl",
      { class: "facts" },
      fact("For", told.target),
      fact("Block", block),
      told.because ? fact("Because", told.because) : null,
      fact("Written in", h("span", { class: "mono" }, told.origin)),
      told.conditions.map((each) => fact(each.type, [sign(each.status === "True" ? "good" : "warning", each.status), ` ${each.reason}${each.message ? `: ${each.message}` : ""}`])),
    ),
    told.findings.length ? [h("h2", {}, "Findings"), h("ul", { class: "troubles" }, told.findings.map(trouble))] : null,
    h("h2", {}, "Limits in effect, rule by rule"),
    shared.size ? h("p", { class: "faint small" }, `limits of ${[...shared].join(", ")} hold there, too`) : null,
    told.rules.length ? rules(told, name) : h("p", { class: "empty" }, "There is no rule that it is about."),
    pages(context, told),
    h("h2", {}, "What changed last"),
    edits(told.edits),
  );
  return told;
}

function fact(name, value) {
  return [h("dt", {}, name), h("dd", {}, value)];
}

function rules(told, name) {
  const rows = told.rules.flatMap((rule) => {
    const limits = rule.limits.length ? rule.limits : [null];
    return limits.map((limit, at) =>
      h(
        "tr",
        {},
        at === 0
          ? h(
              "th",
              { scope: "rowgroup", rowspan: limits.length },
              `${rule.route}, ${rule.rule}`,
              h("div", { class: "mono small" }, rule.matches.join("; or ")),
              h("div", { class: "faint small" }, `${hosts(rule.hostnames)}; ${rule.gateway}, ${rule.listener}`),
            )
          : null,
        limit
          ? [h("td", {}, limit.words), h("td", { class: "once" }, limit.policy === name ? "this policy" : policyLink(limit.policy)), h("td", { class: "mono small" }, limit.origin)]
          : h("td", { colspan: "3", class: "faint" }, "no limit in effect"),
      ),
    );
  });
  return table("Limits in effect", ["Rule", "Limit", "Of", "Written in"], rows);
}
