/** The history of one user: who changed what, when, from what to what. */

import { get, post, query } from "../api.js";
import { actionButton } from "../dialog.js";
import { badge, link, make } from "../dom.js";
import { momentSince, number, shown } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { longNote, moreButton, pagesOf, table, unlessLong } from "../tables.js";
import { withBefore } from "./diff.js";

const REFRESH_MS = 10_000;

export function historyPanel(page, path, { etag, changed }) {
  let limit = 20;
  const panel = livePanel(page, {
    title: "History",
    every: unlessLong(REFRESH_MS, () => limit),
    load: (signal) => pagesOf((cursor, size) => get(`${path}/history${query({ limit: size, cursor })}`, { signal }), limit),
    show: ({ items: entries, hasMore }) => {
      if (!entries.length) return empty("No change on record yet", "History follows a change within about a second.");
      const list = withBefore(entries, { isComplete: !hasMore });
      return [
        longNote(limit, () => panel.refresh()),
        make("ol", { class: "timeline" }, list.map((entry, index) =>
          entryPart(entry, { path, etag, changed, isCurrent: index === 0 }))),
        moreButton(hasMore, () => { limit += 40; return panel.refresh(); }),
      ];
    },
  });
  return panel;
}

function entryPart(entry, { path, etag, changed, isCurrent }) {
  const restore = !isCurrent && entry.version !== null && actionButton({
    label: "Restore",
    key: `restore ${entry.number}`,
    ask: {
      title: `Restore the state after change ${entry.number}?`,
      text: "All fields get the values that they had then, as a new version. The password stays.",
    },
    run: async () => {
      await post(`${path}/history/${entry.number}/restore`, undefined, { headers: { "If-Match": etag() ?? "" } });
      await changed();
      return "Restored.";
    },
  });
  return make("li", {},
    make("div", { class: "entry-head" }, badge(entry.operation), momentSince(entry.at), make("span", { class: "by" }, byWhom(entry),
      make("small", {}, `change ${number(entry.number)}`)), restore),
    entry.cause?.reason && make("p", { class: "note" }, `Reason: ${entry.cause.reason}`),
    entry.is_approximate && make("p", { class: "note" }, "The state was read later than the change, so several changes may be one here."),
    changesTable(entry),
    entry.omitted.length > 0 && make("p", { class: "note" }, `Too large to be kept: ${entry.omitted.join(", ")}.`));
}

function byWhom({ source, cause }) {
  if (!cause) return source === "external" ? "by another client of the database" : `by ${source}`;
  const run = cause.run_id && [", ", link("run", `runs/${cause.run_id}`)];
  return [`by ${cause.actor ?? source}`, run];
}

function changesTable(entry) {
  if (entry.isEnd) return make("p", {}, "The user was removed from the collection.");
  if (!entry.changes.length) return make("p", { class: "note" }, "No field that the API shows has changed.");
  const name = (each) => make("code", {}, each.path);
  if (entry.isBegin) {
    return make("details", { "data-key": `entry ${entry.number}` },
      make("summary", {}, `Created with ${entry.changes.length} fields`),
      table("Fields", [{ title: "Field", cell: name },
        { title: "Value", cls: "text", cell: (each) => shown(each.after) }], entry.changes));
  }
  return table("Changes", [
    { title: "Field", cell: name },
    { title: "Before", cls: "text before", cell: (each) => (each.isKnown ? shown(each.before) : "not loaded") },
    { title: "After", cls: "text after", cell: (each) => shown(each.after) },
  ], entry.changes);
}
