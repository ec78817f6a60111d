/** Fields of forms: each has a label, and says in words what it takes. */

import { make } from "./dom.js";

/** A labelled field of a filter or a form. */
export function labelled(label, input, cls = "") {
  return make("label", { class: `filter ${cls}` }, label, input);
}

/** A select; `options` are `{ value: text }`. */
export function select(name, options, chosen = "", properties = {}) {
  const known = Object.entries(options);
  // A value that another version has stored must not become another one silently.
  if (chosen && !Object.hasOwn(options, chosen)) known.push([chosen, chosen]);
  return make("select", { name, ...properties }, known.map(([value, text]) =>
    make("option", { value, selected: value === chosen }, text)));
}

/** Several of a closed list, as boxes; `options` are `{ value: text }`. */
export function checks(name, legend, options, chosen = []) {
  return make("fieldset", { class: "checks" }, make("legend", {}, legend), Object.entries(options).map(([value, text]) =>
    make("label", {}, make("input", { type: "checkbox", name, value, checked: chosen.includes(value) }), text)));
}

export function checkedOf(element, name) {
  return [...element.querySelectorAll(`input[name="${name}"]:checked`)].map((each) => each.value);
}

/** The words of a text, separated by commas. */
export function words(text) {
  return text.split(",").map((each) => each.trim()).filter(Boolean);
}

/**
 * A field of a question.
 *
 * `type` is that of an input, or `checks` with `options`; with `options` alone it is a select. Returns the row, the
 * input that gets the focus, and a function that reads the value.
 */
export function dialogField({ name, label, type = "text", isRequired = true, value = "", options, hint, ...rest }) {
  if (type === "checks") {
    const row = checks(name, label, options, value || []);
    return { name, row, input: row.querySelector("input"), read: () => checkedOf(row, name) };
  }
  const id = `field-${name}`;
  const isFlag = type === "checkbox";
  const about = hint ? `${id}-hint` : null;
  const input = options ? select(name, options, value, { id, required: isRequired, "aria-describedby": about })
    : make("input", { id, type, required: isRequired && !isFlag, maxlength: "500", value: isFlag ? null : value, "aria-describedby": about, autocomplete: "off", spellcheck: "false", ...rest });
  const row = make("div", { class: isFlag ? "field flag" : "field" }, make("label", { for: id }, label), input,
    hint && make("small", { id: about }, hint));
  return { name, row, input, read: () => (isFlag ? input.checked : input.value.trim()) };
}
