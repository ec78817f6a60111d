/** Elements of the page. A text is always a text node: nothing here parses markup. */

const SVG = "http://www.w3.org/2000/svg";

/** Create an element; children are elements or texts, and absent ones are left out. */
export function make(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

export function draw(name, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, name), properties, children);
}

function filled(element, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (isAbsent(value)) continue;
    if (key === "on") listen(element, value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => !isAbsent(child)));
  return element;
}

function listen(element, listeners) {
  for (const [type, listener] of Object.entries(listeners)) element.addEventListener(type, listener);
}

function isAbsent(value) {
  return value === null || value === undefined || value === false;
}

/** A text in which backticks mark words of the computer. */
export function withCode(text) {
  return text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

/** Link to a view, such as `users/6b03`. */
export function link(text, view, properties = {}) {
  return make("a", { href: `#/${view}`, ...properties }, text);
}

/** A word with a dot in its colour. The word alone says it, too. */
export function badge(word, text = word) {
  return make("span", { class: `badge ${word}` }, String(text).replaceAll("_", " "));
}

/** Names and values; a value may be an element. `compact` is for narrow panels. */
export function facts(rows, cls = "") {
  return make("dl", { class: `facts ${cls}` }, rows.filter(Boolean).map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value ?? "–"))));
}

/** Change a part of the page; the focused element and open details of the same name stay so. */
export function replaceParts(region, parts) {
  const focused = keyOf(document.activeElement);
  const isInside = region.contains(document.activeElement);
  const open = new Set([...region.querySelectorAll("details[open][data-key]")].map((each) => each.dataset.key));
  region.replaceChildren(...[parts].flat(Infinity).filter((part) => !isAbsent(part)));
  for (const details of region.querySelectorAll("details[data-key]")) {
    if (open.has(details.dataset.key)) details.open = true;
  }
  if (isInside && focused) focusOn(region, focused);
}

/** Focus the element of a name, if it is there. */
export function focusOn(region, key) {
  const all = region.querySelectorAll("a, button, input, select, summary, [tabindex]");
  [...all].find((each) => keyOf(each) === key)?.focus({ preventScroll: true });
}

export function keyOf(element) {
  return element?.dataset?.key || element?.id || element?.getAttribute?.("href") || null;
}
