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

/**
 * Do something by a button, once at a time.
 *
 * The button keeps the focus: a button that is `disabled` would lose it, and the keyboard would begin anew.
 */
export async function whileBusy(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
  }
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

const FOCUSABLE = "a, button, input, select, summary, [tabindex]";
const SCROLLED = ".scroll, .long-text";

/** Change a part of the page; focus, open details and scrolled places stay so. */
export function replaceParts(region, parts) {
  const focused = region.contains(document.activeElement) ? placeOf(region, document.activeElement) : null;
  const open = new Set([...region.querySelectorAll("details[open][data-key]")].map((each) => each.dataset.key));
  const scrolled = [...region.querySelectorAll(SCROLLED)].map((each) => [each.scrollLeft, each.scrollTop]);
  region.replaceChildren(...[parts].flat(Infinity).filter((part) => !isAbsent(part)));
  for (const details of region.querySelectorAll("details[data-key]")) {
    if (open.has(details.dataset.key)) details.open = true;
  }
  region.querySelectorAll(SCROLLED).forEach((each, index) => {
    [each.scrollLeft, each.scrollTop] = scrolled[index] ?? [0, 0];
  });
  if (focused && !focusOn(region, focused.key, focused.index)) focusNear(region);
}

/** Several elements may have the same name, such as the tables of a history: the place tells them apart. */
function placeOf(region, element) {
  const key = keyOf(element);
  return { key, index: named(region, key).indexOf(element) };
}

function named(region, key) {
  return key === null ? [] : [...region.querySelectorAll(FOCUSABLE)].filter((each) => keyOf(each) === key);
}

/** Focus the element of a name; false if it is not there. */
export function focusOn(region, key, index = 0) {
  const found = named(region, key);
  const element = found[index] ?? found[0];
  element?.focus({ preventScroll: true });
  return Boolean(element);
}

/** Focus what stands where an element was that is gone: otherwise the keyboard would begin anew at the top. */
export function focusNear(region) {
  const near = region.querySelector(".scroll") ?? region.closest("section")?.querySelector("h2, h3")
    ?? document.getElementById("view-title");
  if (near && !near.hasAttribute("tabindex")) near.tabIndex = -1;
  near?.focus({ preventScroll: true });
}

export function keyOf(element) {
  return element?.dataset?.key || element?.id || element?.getAttribute?.("href") || element?.getAttribute?.("aria-label") || null;
}
