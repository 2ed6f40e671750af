// Makes elements, and puts them in the place of others without losing what a person was doing there.

const SVG = "http://www.w3.org/2000/svg";

/** Returns an element. Attributes that are false or null are left out; functions are listeners by name. */
export function h(tag, attributes = {}, ...children) {
  const svg = tag === "svg" || tag === "path";
  const made = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") made.addEventListener(name, value);
    else if (name === "value" || name === "checked" || name === "open") made[name] = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  return made;
}

/** Shows other elements in a place. Focus, what is unfolded, and what was written stay, by ids. */
export function show(place, ...children) {
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const selection = focused && "selectionStart" in focused ? [focused.selectionStart, focused.selectionEnd] : null;
  const folds = new Map([...place.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
  place.replaceChildren(...children.flat(Infinity).filter((one) => one));
  for (const one of place.querySelectorAll("details[id]")) {
    if (folds.has(one.id)) one.open = folds.get(one.id);
  }
  const again = focused && focused.id ? document.getElementById(focused.id) : null;
  if (again) {
    again.focus({ preventScroll: true });
    if (selection && selection[0] !== null) again.setSelectionRange(...selection);
  }
}

/** Tells a change to who cannot see it, at most once in three seconds. */
let silent = 0;
export function say(text) {
  const now = Date.now();
  if (now < silent) return;
  silent = now + 3000;
  document.getElementById("said").textContent = text;
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export function sign(kind, text) {
  return h("span", { class: `sign ${kind}` }, text);
}

/** A moment for people: the time of today, else the day too. */
export function moment(seconds) {
  const at = new Date(seconds * 1000);
  const time = at.toLocaleTimeString("en-GB");
  const day = at.toDateString() === new Date().toDateString() ? "" : `${at.toISOString().slice(0, 10)} `;
  return h("time", { datetime: at.toISOString() }, day + time);
}

export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (whole >= 2 * size) return `${Math.floor(whole / size)} ${unit}`;
  }
  return `${whole} s`;
}

export function link(view, parameters, ...text) {
  return h("a", { href: address(view, parameters) }, ...text);
}

export function address(view, parameters = {}) {
  const kept = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = new URLSearchParams(kept).toString();
  return `#${view}${query ? `?${query}` : ""}`;
}

/** A sentence in which words between backticks are as they are written in a file. */
export function prose(text) {
  return text.split("`").map((part, at) => (at % 2 ? h("code", {}, part) : part));
}

export function policyLink(name) {
  return link("policy", { name }, name);
}

export function table(caption, columns, rows, attributes = {}) {
  const cells = columns.map((one) => {
    const [text, kind] = Array.isArray(one) ? one : [one, ""];
    return h("th", { scope: "col", class: kind || null }, text);
  });
  return h(
    "div",
    { class: "wide-table", role: "region", "aria-label": caption, tabindex: "0" },
    h("table", attributes, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, cells)), h("tbody", {}, rows)),
  );
}

export function pager(page, pages, go) {
  if (pages < 2) return null;
  return h(
    "nav",
    { class: "pager", "aria-label": "Pages" },
    h("button", { type: "button", id: "page-before", disabled: page === 0, click: () => go(page - 1) }, "Before"),
    h("span", { class: "faint" }, `page ${page + 1} of ${pages}`),
    h("button", { type: "button", id: "page-after", disabled: page + 1 >= pages, click: () => go(page + 1) }, "After"),
  );
}

/** Calls after a person has stopped writing for a moment. */
export function settled(call, milliseconds = 180) {
  let waiting = 0;
  return (...given) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => call(...given), milliseconds);
  };
}

/** A line of numbers over time; what it shows is said in the cells beside it. */
export function trend(values, kind = "", most = 0) {
  const top = Math.max(1, most, ...values);
  const step = 120 / Math.max(1, values.length - 1);
  const points = values.map((value, at) => `${(at * step).toFixed(1)} ${(25 - (value / top) * 23).toFixed(1)}`);
  return h(
    "svg",
    { class: "trend", viewBox: "0 0 120 26", preserveAspectRatio: "none", "aria-hidden": "true" },
    points.length > 1 ? h("path", { class: kind || null, d: `M${points.join("L")}` }) : null,
  );
}
