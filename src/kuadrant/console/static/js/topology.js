// Classes, gateways, listeners, and a page of the routes that a search finds, with the policies where they attach.

import { ask } from "./asking.js";
import { count, h, pager, policyLink, settled, show } from "./dom.js";

const STATES = { "in effect": "good", "in part": "warning", overridden: "warning", "no path": "warning", "not accepted": "error" };

export async function topology(context) {
  const query = context.parameters.get("q") ?? "";
  const page = Number(context.parameters.get("page") ?? 0);
  const told = await ask("topology", { q: query, page });
  if (query !== (context.parameters.get("q") ?? "")) return null; // more was written meanwhile
  if (!context.place.querySelector("#found")) frame(context, query);
  const go = (next) => {
    context.keep("page", next || "");
    context.again().then(() => window.scrollTo(0, 0));
  };
  const routes = Map.groupBy
    ? Map.groupBy(told.routes, (one) => `${one.gateway} ${one.listener}`)
    : group(told.routes, (one) => `${one.gateway} ${one.listener}`);
  show(
    context.place.querySelector("#found"),
    h(
      "p",
      { class: "faint small", role: "status" },
      query ? `${count(told.found, "route")} of ${told.all.toLocaleString("en")} found` : count(told.all, "route"),
    ),
    told.notes.map((text) => h("p", { class: "doubt" }, text)),
    pager(told.page, told.pages, go),
    h(
      "div",
      { class: "tree" },
      h("ul", {}, told.classes.map((one) => gatewayClass(one, routes, query))),
      told.classes.length ? null : h("p", { class: "empty inside" }, "There is no Gateway."),
    ),
    pager(told.page, told.pages, go),
    idle(told),
  );
  return told;
}

function frame(context, query) {
  const search = settled((text) => {
    context.keep("q", text);
    context.keep("page", "");
    context.again();
  });
  const fold = (open) => {
    for (const one of context.place.querySelectorAll(".tree details.route")) one.open = open;
  };
  show(
    context.place,
    h("div", { class: "head" }, h("h1", {}, "Topology"), h("p", { class: "faint" }, "what hangs on what, and where policies attach")),
    h(
      "div",
      { class: "tools" },
      h(
        "div",
        { class: "wide" },
        h("label", { for: "search" }, "Search routes, host names, paths, policies and limits"),
        h("input", { type: "search", id: "search", value: query, autocomplete: "off", spellcheck: "false", input: (event) => search(event.target.value.trim()) }),
      ),
      h(
        "div",
        { class: "group" },
        h("button", { type: "button", click: () => fold(true) }, "Unfold all"),
        h("button", { type: "button", click: () => fold(false) }, "Fold all"),
      ),
    ),
    h("div", { id: "found" }),
  );
}

function group(all, key) {
  const found = new Map();
  for (const one of all) found.set(key(one), [...(found.get(key(one)) ?? []), one]);
  return found;
}

function gatewayClass(one, routes, query) {
  return h(
    "li",
    {},
    h("span", { class: "kind" }, "GatewayClass "),
    h("span", { class: "name" }, one.name),
    h("ul", {}, one.gateways.map((gateway) => gatewayItem(gateway, routes, query))),
  );
}

function gatewayItem(gateway, routes, query) {
  return h(
    "li",
    {},
    h(
      "details",
      { id: `gateway-${gateway.gateway}`, open: true },
      h("summary", {}, h("span", { class: "kind" }, "Gateway "), h("span", { class: "name" }, gateway.gateway), place(gateway.origin)),
      h("ul", {}, gateway.policies.map(policyItem), gateway.listeners.map((one) => listener(gateway, one, routes, query))),
    ),
  );
}

function listener(gateway, one, routes, query) {
  const here = routes.get(`${gateway.gateway} ${one.name}`) ?? [];
  const said = query ? `${one.found} of ${count(one.routes, "route")} found` : count(one.routes, "route");
  const rest = one.found - here.length;
  return h(
    "li",
    {},
    h(
      "details",
      { id: `listener-${gateway.gateway}-${one.name}`, open: true },
      h(
        "summary",
        {},
        h("span", { class: "kind" }, "listener "),
        h("span", { class: "name" }, one.name),
        ` port ${one.port}, ${one.protocol}, ${one.hostname === "*" ? "any host" : one.hostname} `,
        h("span", { class: "faint small" }, said),
      ),
      h(
        "ul",
        {},
        one.policies.map(policyItem),
        here.map((route) => routeItem(route, here.length <= 8)),
        rest > 0 ? h("li", { class: "faint small" }, `${count(rest, "route")} ${here.length ? "more " : ""}on other pages`) : null,
      ),
    ),
  );
}

function routeItem(route, open) {
  const limits = new Set(route.rules.flatMap((rule) => rule.limits.map((one) => `${one.policy} ${one.name}`)));
  return h(
    "li",
    {},
    h(
      "details",
      { class: "route", id: `route-${route.gateway}-${route.listener}-${route.kind}-${route.route}`, open },
      h(
        "summary",
        {},
        h("span", { class: "kind" }, `${route.kind} `),
        h("span", { class: "name" }, route.route),
        ` ${hosts(route.hostnames)} `,
        h("span", { class: "faint small" }, `${count(route.rules.length + route.rules_more, "rule")}, ${limits.size ? count(limits.size, "limit") : "no limit"}`),
        place(route.origin),
      ),
      h("ul", {}, route.policies.map(policyItem), route.rules.map(rule), route.rules_more ? h("li", { class: "faint" }, `and ${count(route.rules_more, "more rule")}`) : null),
    ),
  );
}

function rule(one) {
  return h(
    "li",
    {},
    h("span", { class: "kind" }, "rule "),
    h("span", { class: "name" }, one.name),
    " ",
    h("span", { class: "mono matches" }, one.matches.join("; or ")),
    h(
      "ul",
      {},
      one.policies.map(policyItem),
      one.limits.map((limit) => h("li", { class: "limit-line" }, limit.words, " ", h("span", { class: "faint small" }, "of "), policyLink(limit.policy))),
      one.limits.length ? null : h("li", { class: "faint small" }, "not limited"),
    ),
  );
}

export function policyItem(one) {
  const block = one.section === "limits" ? "" : ` (${one.section}, ${one.strategy})`;
  return h(
    "li",
    { class: "policy-line" },
    h("span", { class: "kind" }, "RateLimitPolicy "),
    policyLink(one.policy),
    `${block} `,
    state(one.state),
    one.because ? h("span", { class: "faint" }, ` ${one.because}`) : null,
  );
}

export function state(text) {
  return h("span", { class: `sign ${STATES[text] ?? "note"}` }, text);
}

export function hosts(names) {
  return names.map((one) => (one === "*" ? "any host" : one)).join(", ");
}

function place(origin) {
  return /:\d+$/.test(origin) ? h("span", { class: "faint small mono" }, ` ${origin}`) : null;
}

function idle(told) {
  if (!told.idle_routes.length && !told.idle_policies.length) return null;
  return [
    h("h2", {}, "On no gateway"),
    h(
      "div",
      { class: "tree" },
      h(
        "ul",
        {},
        told.idle_routes.map((one) => h("li", {}, h("span", { class: "kind" }, `${one.kind} `), h("span", { class: "name" }, one.route), h("ul", {}, one.policies.map(policyItem)))),
        told.idle_routes_more ? h("li", { class: "faint" }, `and ${count(told.idle_routes_more, "more route")}`) : null,
        told.idle_policies.map(policyItem),
      ),
    ),
  ];
}
