/** Runs as a table. */

import { badge, link, make } from "../dom.js";
import { duration, number, since } from "../format.js";
import { empty } from "../states.js";
import { table } from "../tables.js";

const COUNTS = ["read", "inserted", "updated", "unchanged", "quarantined", "deactivated"];

export function runsTable(runs, { isShort = false } = {}) {
  if (!runs.length) {
    return empty("No runs", "A run reads a source. The schedule starts it, or you do.", link("Sources", "sources"));
  }
  return table("Runs", [
    { title: "Run", cell: (run) => [link(run.source, `runs/${run.id}`), make("small", {}, kindOf(run))] },
    { title: "State", cell: stateOf },
    { title: "Started", cell: (run) => (run.started_at ? since(run.started_at) : "not yet") },
    ...COUNTS.map((name) => ({
      title: name[0].toUpperCase() + name.slice(1),
      cls: name === "read" || name === "quarantined" ? "number" : "number wide",
      cell: (run) => make("span", { class: run.counts[name] ? null : "zero" }, number(run.counts[name])),
    })),
    { title: "Took", cls: "number wide", cell: (run) => duration(run.duration_s) },
    isShort && { title: "Records/s", cls: "number wide", cell: (run) => (run.records_per_s ? number(Math.round(run.records_per_s)) : "–") },
  ].filter(Boolean), runs, { isStacked: true });
}

export function kindOf(run) {
  const words = [run.trigger, run.lane, run.options.full && "full", run.dry_run && "dry run"];
  return words.filter(Boolean).join(", ");
}

/** The state, and the whole cause of a failure below it. */
export function stateOf(run) {
  return [
    badge(run.state),
    run.needs_approval && make("span", { class: "tag wait" }, "waits for approval"),
    run.error && make("p", { class: "cause" }, run.error),
  ];
}
