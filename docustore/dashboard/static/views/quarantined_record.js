/** One record that could not be loaded: every reason, and its text. */

import { get } from "../api.js";
import { badge, facts, link, make, replaceParts } from "../dom.js";
import { bytes, momentSince, number } from "../format.js";
import { livePanel } from "../panels.js";
import { can } from "../session.js";
import { longText } from "../states.js";
import { reasonsPart, recordButtons } from "./quarantine_list.js";

export function quarantinedRecordView(page, id) {
  page.show({ title: "Quarantined record", back: { view: "quarantine", text: "Quarantine" } });
  const record = livePanel(page, {
    title: "Record",
    load: (signal) => get(`/etl/quarantine/${encodeURIComponent(id)}`, { signal }),
    show: (found) => {
      replaceParts(page.actions, recordButtons(found, () => record.refresh()).filter(Boolean));
      page.rename(found.identity_key ?? `Record ${found.position}`);
      return recordPart(found);
    },
  });
  page.root.append(record.element);
}

function recordPart(record) {
  return [
    make("h3", {}, "Why"), reasonsPart(record.errors),
    facts([
      ["State", badge(record.state)],
      record.ignored_reason && ["Ignored", `by ${record.ignored_by}: ${record.ignored_reason}`],
      record.resolved_by && ["Resolved by", record.resolved_by],
      ["Source", link(record.source, "sources")],
      ["Last run", link(record.run_id, `runs/${encodeURIComponent(record.run_id)}`)],
      ["Number in its run", record.position],
      ["First seen", momentSince(record.first_seen_at)],
      ["Last seen", momentSince(record.last_seen_at)],
      ["Seen", `${number(record.seen)} times`],
      ["Changed upstream", momentSince(record.modified_at, { never: "unknown" })],
      ["Size", bytes(record.raw_bytes)],
    ]),
    make("h3", {}, "What the source sent"),
    record.raw === null
      ? make("p", { class: "note" }, can("admin") ? "No text is stored." : "The text may hold personal data: reading it needs a key of the scope admin.")
      : longText(pretty(record.raw)),
    record.omitted_bytes > 0 && make("p", { class: "note" }, `The last ${bytes(record.omitted_bytes)} are not stored.`),
  ];
}

/** Indent JSON; other texts stay as they are. */
function pretty(raw) {
  try {
    return JSON.stringify(JSON.parse(raw), null, 2);
  } catch {
    return raw;
  }
}
