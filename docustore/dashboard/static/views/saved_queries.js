/** The questions that are kept under a name. */

import { get } from "../api.js";
import { link, make } from "../dom.js";
import { since } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { table } from "../tables.js";

const REFRESH_MS = 10_000;

export function savedQueriesPanel(page) {
  return livePanel(page, {
    title: "Saved queries",
    every: REFRESH_MS,
    load: (signal) => get("/analytics/queries", { signal }),
    show: (queries) => (queries.length ? table("Saved queries", [
      { title: "Query", cls: "text", cell: (each) => [link(each.name, `queries/${encodeURIComponent(each.name)}`), problemWords(each)] },
      { title: "What it is for", cls: "text", cell: (each) => each.description || "–" },
      { title: "Owner", cls: "wide", cell: (each) => each.owner },
      { title: "Changed", cell: (each) => since(each.updated_at) },
    ], queries, { isStacked: true }) : empty("No saved queries", "Ask a question and save it: then it has an address, and a report can send its answer.")),
  });
}

/** What another version has saved may not fit the language of this one. */
export function problemWords({ problems }) {
  return problems.length > 0 && make("ul", { class: "reasons" }, problems.map(({ pointer, detail }) =>
    make("li", { class: "cause" }, make("code", {}, pointer), ` ${detail}`)));
}
