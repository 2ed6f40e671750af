// The page: which view is shown, the one stream that it follows, and how it looks.

import { Problem, follow } from "./asking.js";
import { h, say, show } from "./dom.js";
import { decisions } from "./decisions.js";
import { limits } from "./limits.js";
import { modules } from "./modules.js";
import { now } from "./now.js";
import { policy } from "./policy.js";
import { topology } from "./topology.js";
import { tryIt } from "./try.js";

const VIEWS = [
  ["now", "Now", now],
  ["topology", "Topology", topology],
  ["policy", "Policies", policy],
  ["limits", "Limits", limits],
  ["decisions", "Decisions", decisions],
  ["try", "Try", tryIt],
  ["modules", "Modules", modules],
];
const content = document.getElementById("content");
let shown = null;
let leave = () => {};

/** What a view has: its parameters, where it is shown, and ways to change either. */
class Context {
  constructor(view, parameters) {
    this.view = view;
    this.parameters = parameters;
    this.place = content;
    this.left = false;
    this.following = {};
    this.listeners = {};
    this.version = "";
  }

  /** Keeps a parameter in the address without another entry of the history. */
  keep(name, value) {
    if (value === "" || value === null || value === undefined) this.parameters.delete(name);
    else this.parameters.set(name, value);
    const query = this.parameters.toString();
    history.replaceState(null, "", `#${this.view}${query ? `?${query}` : ""}`);
  }

  /** Follows the stream anew, with other parameters. */
  followAgain() {
    this.stop?.();
    this.stop = follow(this.following, { shown: (event) => this.changed(event), ...this.listeners }, connected);
  }

  async changed(event) {
    document.getElementById("place").textContent = event.place;
    const version = `${event.boot}.${event.version}`;
    if (version === this.version) return;
    const first = this.version === "";
    await this.again();
    if (!first) say("What is shown has changed.");
  }

  /** Loads and shows the view; what cannot be had is said in its place. */
  async again() {
    try {
      const told = await this.load(this);
      if (this.left) return;
      if (told) this.version = `${told.boot}.${told.version}`;
      this.failed = false;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (this.left) return;
      this.failed = true;
      if (!content.querySelector("h1")) show(content, h("p", { class: "ill", role: "alert" }, problem.message));
    }
  }
}

function connected(live) {
  const place = document.getElementById("connection");
  const text = live ? "live" : "reconnecting";
  if (place.textContent !== text) place.textContent = text;
  place.className = `connection ${live ? "live" : "lost"}`;
}

function route() {
  const [name, query] = location.hash.replace(/^#/, "").split("?");
  if (name === "content") return;
  const found = VIEWS.find(([view]) => view === name) ?? VIEWS[0];
  const [view, title, load] = found;
  leave();
  const context = new Context(view, new URLSearchParams(query ?? ""));
  context.load = load;
  leave = () => {
    context.left = true;
    context.stop?.();
    context.leave?.();
  };
  document.title = `${title} – Kuadrant console`;
  show(
    document.getElementById("views"),
    VIEWS.map(([one, text]) => h("a", { href: `#${one}`, id: `to-${one}`, "aria-current": one === view ? "page" : null }, text)),
  );
  document.getElementById(`to-${view}`).scrollIntoView({ block: "nearest", inline: "nearest" });
  if (shown !== null) {
    content.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
  if (shown !== view) content.replaceChildren();
  shown = view;
  context.again().then(() => {
    if (!context.left) context.followAgain();
  });
}

const THEMES = ["system", "light", "dark"];
function theme(next) {
  let chosen = "system";
  try {
    chosen = localStorage.getItem("theme") ?? "system";
    if (next) {
      chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
      localStorage.setItem("theme", chosen);
    }
  } catch {
    // Where nothing may be kept, the page looks as the system does.
  }
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  document.getElementById("theme").textContent = `Theme: ${chosen}`;
}

document.getElementById("theme").addEventListener("click", () => theme(true));
theme(false);
window.addEventListener("hashchange", route);
document.addEventListener("keydown", (event) => {
  const writing = ["INPUT", "TEXTAREA", "SELECT"].includes(document.activeElement?.tagName);
  if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey) {
    const field = content.querySelector("input[type=search]");
    if (field) {
      event.preventDefault();
      field.focus();
    }
  }
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  content.focus();
});
route();
