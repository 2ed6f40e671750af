// Which pod runs which module and configuration, since when, how that is known, and what was refused.

import { ask } from "./asking.js";
import { h, moment, show, sign, table } from "./dom.js";

const STATES = { current: ["good", "current"], behind: ["warning", "behind"], refused: ["error", "refused"], unknown: ["warning", "not known"] };

export async function modules(context) {
  const told = await ask("modules");
  const head = h("div", { class: "head" }, h("h1", {}, "Modules"), h("p", { class: "faint" }, "who runs which, since when, and how that is known"));
  if (!told.gateways) {
    show(context.place, head, told.notes.map((text) => h("p", { class: "doubt" }, text)), h("p", { class: "empty" }, "What gateways run cannot be had here."));
    return told;
  }
  show(
    context.place,
    head,
    told.notes.map((text) => h("p", { class: "doubt" }, text)),
    told.gateways.length ? table("What gateways run", ["Gateway", "Pod", "State", "Module (SHA-256)", "Configuration", "Since", "Evidence"], told.gateways.flatMap(gateway)) : h("p", { class: "empty" }, "There is no Gateway."),
    refusals(told),
    told.release ? h("p", { class: "small faint" }, `kuadrant ${told.release}`) : null,
  );
  return told;
}

function gateway(one) {
  const name = [one.gateway, h("div", { class: "faint small" }, `${one.provider}, ${one.limited ? one.delivery : "not limited"}`)];
  if (!one.pods.length) {
    return [h("tr", {}, h("th", { scope: "row" }, name), h("td", { colspan: "6", class: "faint" }, one.problem || (one.limited ? "no pod is known" : "nothing is to be limited there")))];
  }
  return one.pods.map((pod, at) =>
    h(
      "tr",
      {},
      at === 0 ? h("th", { scope: "rowgroup", rowspan: one.pods.length }, name) : null,
      h("td", {}, pod.pod, pod.ready ? null : h("div", { class: "faint small" }, "not ready")),
      h("td", {}, one.limited ? sign(...STATES[pod.state]) : h("span", { class: "faint" }, "not limited")),
      h("td", { class: "mono" }, pod.running ? h("span", { title: pod.running.sha256 }, pod.running.sha256.slice(0, 12)) : "–"),
      h("td", { class: "mono" }, pod.running?.configuration || "–"),
      h("td", {}, pod.since ? moment(pod.since) : "–"),
      h("td", {}, { acknowledged: "it said so (ACK)", fetched: "it fetched the module", none: "none" }[pod.evidence]),
    ),
  );
}

function refusals(told) {
  const found = told.gateways.flatMap((one) => one.pods.filter((pod) => pod.refusal).map((pod) => [one, pod]));
  if (!found.length) return null;
  return [
    h("h2", {}, "What was refused last"),
    h(
      "ul",
      { class: "troubles" },
      found.map(([one, pod]) =>
        h(
          "li",
          { class: pod.refuses ? "error" : "note" },
          h("div", { class: "what" }, sign(pod.refuses ? "error" : "note", pod.refuses ? "refused" : "refused before"), h("strong", {}, `${one.gateway}, ${pod.pod}`), pod.refused_at ? h("span", { class: "faint small" }, moment(pod.refused_at)) : null),
          h("p", { class: "mono" }, pod.refusal),
        ),
      ),
    ),
  ];
}
