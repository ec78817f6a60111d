/** Tables with headers for screen readers; narrow windows hide the columns of class `wide`. */

import { make } from "./dom.js";

/**
 * Make a table.
 *
 * A column is `{ title, cell, cls }`; `cell` gets a row and returns texts and elements. The first column is the
 * header of its row.
 */
export function table(label, columns, rows, { caption = true } = {}) {
  return make("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" },
    make("table", {},
      caption && make("caption", { class: "visually-hidden" }, label),
      make("thead", {}, make("tr", {}, columns.map(({ title, cls }) =>
        make("th", { scope: "col", class: cls }, title)))),
      make("tbody", {}, rows.map((row) => tableRow(columns, row)))));
}

export function tableRow(columns, row) {
  return make("tr", {}, columns.map(({ cell, cls }, index) =>
    make(index === 0 ? "th" : "td", { scope: index === 0 ? "row" : null, class: cls }, cell(row))));
}

/** A list that grows by pages: `{ items, next_cursor }`. */
export function moreButton(next, onClick) {
  if (!next) return null;
  const button = make("button", { type: "button", class: "button more", "data-key": "more" }, "Show more");
  button.addEventListener("click", () => {
    button.disabled = true;
    onClick();
  });
  return button;
}
