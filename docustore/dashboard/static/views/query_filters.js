/** The filters of a question: rows of field, operator and value. */

import { make } from "../dom.js";
import { labelled, select } from "../forms.js";
import { FIELDS, OPERATORS, OPERATOR_WORDS } from "./query_names.js";

const FIELD_WORDS = Object.fromEntries(Object.keys(FIELDS).map((name) => [name, name.replaceAll("_", " ")]));
const FLAGS = { true: "yes", false: "no" };
const MAX_FILTERS = 16;
const FULL_TIME = /T.*(Z|[+-]\d\d:\d\d)$/i;
const LISTED = new Set(["in", "not_in"]);

/** Rows that begin with `filters`; `read` returns them in the form of the API. */
export function filterRows(filters) {
  const rows = make("ul", { class: "filter-rows" });
  const add = make("button", { type: "button", class: "button more" }, "Add a filter");
  const limit = () => { add.hidden = rows.children.length >= MAX_FILTERS; };
  // Those who follow the form hear of typed text by themselves.
  const tellChange = () => rows.dispatchEvent(new Event("input", { bubbles: true }));
  const append = (given) => {
    const row = filterRow(given, () => {
      row.remove();
      add.focus();
      limit();
      tellChange();
    });
    rows.append(row);
    limit();
    return row;
  };
  for (const each of filters) append(each);
  add.addEventListener("click", () => {
    append({ field: "status", op: "eq", value: "" }).querySelector("select").focus();
    tellChange();
  });
  return {
    element: make("fieldset", { class: "checks rows" }, make("legend", {}, "Only users that match all of these"), rows, add),
    read: () => [...rows.children].map((row) => row.read()),
  };
}

function filterRow({ field, op, value }, remove) {
  const fieldPart = select("field", FIELD_WORDS, field);
  const operatorPlace = make("span");
  const valuePlace = make("span");
  const row = make("li", { class: "filter-row" }, labelled("Field", fieldPart), operatorPlace, valuePlace,
    make("button", { type: "button", class: "button", on: { click: remove } }, "Remove", make("span", { class: "visually-hidden" }, " this filter")));
  let [operatorPart, valuePart] = [null, null];
  const setValue = (given) => {
    valuePart = valueInput(fieldPart.value, operatorPart.value, given);
    valuePlace.replaceChildren(labelled("Value", valuePart));
  };
  const setOperator = (chosen, given) => {
    const names = OPERATORS[FIELDS[fieldPart.value] ?? "text"];
    operatorPart = select("op", Object.fromEntries(names.map((each) => [each, OPERATOR_WORDS[each]])), chosen ?? names[0]);
    operatorPart.addEventListener("change", () => setValue(""));
    operatorPlace.replaceChildren(labelled("Condition", operatorPart));
    setValue(given);
  };
  fieldPart.addEventListener("change", () => setOperator(null, ""));
  setOperator(op, value);
  row.read = () => ({ field: fieldPart.value, op: operatorPart.value, value: valueOf(fieldPart.value, operatorPart.value, valuePart.value) });
  return row;
}

function valueInput(field, op, given) {
  if (op === "exists" || FIELDS[field] === "flag") return select("value", FLAGS, given === "" ? "true" : String(given));
  const isTime = FIELDS[field] === "time";
  const text = Array.isArray(given) ? given.join("\n") : String(given).replace(/T00:00:00Z$/, "");
  // One value a line: a value may hold a comma.
  if (LISTED.has(op)) return make("textarea", { name: "value", rows: "3", placeholder: "One a line", spellcheck: "false" }, text);
  return make("input", { name: "value", type: isTime && !FULL_TIME.test(text) ? "date" : "text", value: text, required: isTime || op === "prefix", maxlength: "500", autocomplete: "off", spellcheck: "false" });
}

function valueOf(field, op, text) {
  if (op === "exists" || FIELDS[field] === "flag") return text === "true";
  if (LISTED.has(op)) return text.split("\n").map((each) => each.trim()).filter(Boolean);
  return FIELDS[field] === "time" ? timeOf(text) : text;
}

/** A day as its first moment in UTC; a time stays. */
export function timeOf(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;
}

/** The input of a time that may also be a day. */
export function timeInput(name, value) {
  const text = (value ?? "").replace(/T00:00:00(Z|\+00:00)$/, "");
  return make("input", { name, type: FULL_TIME.test(text) ? "text" : "date", value: text, autocomplete: "off" });
}
