/** Tables with headers for screen readers; narrow windows hide the columns of class `wide`. */

import { make, whileBusy } from "./dom.js";

// The server's own limit.
const LARGEST_PAGE = 100;

/**
 * Make a table.
 *
 * A column is `{ title, cell, cls }`; `cell` gets a row and returns texts and elements. The first column is the
 * header of its row. With `isStacked` a narrow window shows the cells of a row below each other; the roles are given,
 * because other styles take them from a table.
 */
export function table(label, columns, rows, { isStacked = false } = {}) {
  return make("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" },
    make("table", { class: isStacked ? "stacked" : null, role: "table", "aria-label": label },
      make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, columns.map(({ title, cls }) =>
        make("th", { scope: "col", role: "columnheader", class: cls }, title)))),
      make("tbody", { role: "rowgroup" }, rows.map((row) => tableRow(columns, row)))));
}

function tableRow(columns, row) {
  // Stacked cells have no head above them: a narrow window shows its words beside the cell.
  return make("tr", { role: "row" }, columns.map(({ title, cell, cls }, index) => (index === 0
    ? make("th", { scope: "row", role: "rowheader", class: cls }, cell(row))
    : make("td", { role: "cell", class: cls, "data-title": title || null }, cell(row)))));
}

/** A list that grows by pages: `{ items, next_cursor }`. */
export function moreButton(next, onClick) {
  if (!next) return null;
  const button = make("button", { type: "button", class: "button more", "data-key": "more" }, "Show more");
  button.addEventListener("click", () => whileBusy(button, onClick));
  return button;
}

/** How soon a list of pages is read again: a long one is many requests, so it waits for the visitor. */
export function unlessLong(milliseconds, limit) {
  return () => (limit() > LARGEST_PAGE ? 0 : milliseconds);
}

/** Say that a long list waits, and read it again when the visitor asks. */
export function longNote(limit, refresh) {
  if (limit <= LARGEST_PAGE) return null;
  const button = make("button", { type: "button", class: "button", "data-key": "read again" }, "Read again");
  button.addEventListener("click", () => whileBusy(button, refresh));
  return make("div", { class: "actions" }, make("span", { class: "note" }, "A long list does not follow changes by itself."), button);
}

/** Read pages of a list until `limit` items: `{ items, hasMore }`. */
export async function pagesOf(read, limit) {
  const items = [];
  let cursor = null;
  do {
    const found = await read(cursor, Math.min(LARGEST_PAGE, limit - items.length));
    items.push(...found.items);
    cursor = found.next_cursor;
  } while (cursor && items.length < limit);
  return { items, hasMore: Boolean(cursor) };
}
