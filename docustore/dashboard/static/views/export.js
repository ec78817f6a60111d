/** The export of users with the filters of a list: one file of one moment, checked at its end. */

import { ask, get, query } from "../api.js";
import { make, replaceParts, whileBusy } from "../dom.js";
import { saveFile } from "../files.js";
import { bytes, plural } from "../format.js";
import { notice, problemBox } from "../states.js";

const FORMATS = { csv: "CSV, safe for spreadsheets", ndjson: "NDJSON", parquet: "Parquet" };

/** A part to export what `filters` gives: an object of query parameters. */
export function exportPanel(filters) {
  const format = make("select", { name: "format" }, Object.entries(FORMATS).map(([value, text]) =>
    make("option", { value }, text)));
  const start = make("button", { type: "submit", class: "button", id: "export" }, "Export");
  const result = make("div", { class: "export-result", role: "status" });
  const form = make("form", { class: "export" }, make("label", { class: "filter" }, "File", format), start,
    make("p", { class: "note" }, "All users that match the filters, as of one moment. A search is not exported."));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(start, async () => {
      try {
        await download(`/export/users${query({ format: format.value, ...filters() })}`, result);
      } catch (error) {
        replaceParts(result, error.name === "AbortError" ? notice("wait", "The export was stopped.") : problemBox(error));
      }
    });
  });
  return make("div", { class: "export-part" }, form, result);
}

async function download(path, result) {
  const stop = new AbortController();
  const progress = make("span", {}, "started");
  replaceParts(result, notice("wait", "Export: ", progress, " ",
    make("button", { type: "button", class: "button", on: { click: () => stop.abort() } }, "Stop")));
  const response = await ask(path, { signal: stop.signal, headers: { Accept: "*/*" } });
  const blob = await received(response, (size) => { progress.textContent = bytes(size); });
  const record = await get(`/export/${response.headers.get("Export-Id")}`);
  saveFile(blob, nameOf(response));
  replaceParts(result, notice("good", `Exported ${plural(record.rows, "user")}, ${bytes(blob.size)}. SHA-256 `,
    make("code", { class: "digest" }, record.sha256)));
}

async function received(response, onSize) {
  const parts = [];
  let size = 0;
  const reader = response.body.getReader();
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    parts.push(value);
    onSize((size += value.length));
  }
  return new Blob(parts, { type: response.headers.get("Content-Type") });
}

function nameOf(response) {
  return /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "users";
}
