/** Files that the page makes: a download, and rows as CSV. */

import { make } from "./dom.js";

const KEPT_MS = 60_000;
// What a spreadsheet runs as a formula: the rule of docustore.exports.cells.
const UNSAFE = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

export function saveFile(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  window.setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}

/** Write rows as CSV (RFC 4180): null is empty, and no spreadsheet runs a text. */
export function csvOf(names, rows) {
  return [names, ...rows].map((row) => row.map(cellOf).join(",") + "\r\n").join("");
}

function cellOf(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const text = UNSAFE.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
