/** The positions that were lost or moved. */

import { get } from "../api.js";
import { make } from "../dom.js";
import { moment, number } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { table } from "../tables.js";

const REFRESH_MS = 10_000;

export function gapsPanel(page) {
  return livePanel(page, {
    title: "Gaps on record",
    every: REFRESH_MS,
    load: (signal) => get("/changes/gaps", { signal }),
    show: (gaps) => (gaps.length ? table("Gaps", [
      { title: "Found", cell: (each) => moment(each.detected_at) },
      { title: "Why", cls: "text", cell: (each) => [each.reason.replaceAll("_", " "), each.code !== null && make("small", {}, `code ${each.code}`)] },
      { title: "Last change before", cell: (each) => moment(each.lost_after) },
      { title: "Closed", cell: (each) => (each.closed_at ? moment(each.closed_at) : "open") },
      { title: "Rows added", cls: "number", cell: (each) => number(each.rows) },
    ], gaps, { isStacked: true }) : empty("No gap", "The listener has followed every change since it began.")),
  });
}
