/** Why a run was held, and what a person decided. */

import { link, make } from "../dom.js";
import { moment, number } from "../format.js";
import { panel } from "../panels.js";
import { notice } from "../states.js";
import { table } from "../tables.js";

export function guardParts(run) {
  return [
    run.needs_approval && notice("wait", "This run waits for a person: its change is greater than the limits of its source allow. Approve or reject it."),
    run.hold && panel({ title: "What it would have changed", cls: run.needs_approval ? "wait" : "" }, holdTable(run.hold)),
    run.gate && panel({ title: "Quality gate", cls: run.gate.is_passed ? "" : "wait" }, gateTable(run.gate)),
    run.rejection && notice("bad", `Rejected by ${run.rejection.by} at `, moment(run.rejection.at), `: ${run.rejection.reason}`),
    run.approved_run_id && notice("good", "Approved: ", link("the run that made the change", `runs/${run.approved_run_id}`)),
    run.approval && notice("good", `Approved by ${run.approval.by} at `, moment(run.approval.at), ", after ", link("a held run", `runs/${run.approval.run_id}`)),
  ].filter(Boolean);
}

function gateTable({ mode, judged, is_passed: isPassed, over }) {
  return [
    make("p", { class: "note" }, `${number(judged)} records judged, mode ${mode}: ${isPassed ? "within the limits" : "beyond the limits"}.`),
    over.length > 0 && table("Rules beyond the limits of the gate", [
      { title: "Rule", cls: "text", cell: ({ rule }) => link(rule, `quality/${encodeURIComponent(rule)}`) },
      { title: "Severity", cls: "wide", cell: ({ severity }) => severity },
      { title: "Violated", cls: "number", cell: ({ violated }) => number(violated) },
      { title: "Of", cls: "number", cell: ({ applicable }) => number(applicable) },
      { title: "Limit", cls: "number", cell: limitOf },
    ], over),
  ];
}

function limitOf({ max_count: count, max_percent: percent }) {
  return [count !== null && number(count), percent !== null && `${percent} %`].filter(Boolean).join(" or ");
}

function holdTable({ codes, stored, total, limits, new_fields: newFields }) {
  const kinds = [...new Set([...Object.keys(total), ...Object.keys(limits)])].sort();
  const count = (counts) => (kind) => (kind in counts ? number(counts[kind]) : "–");
  return [
    make("p", { class: "note" }, `Reasons: ${codes.map((code) => code.replaceAll("_", " ")).join(", ")}.`),
    newFields.length > 0 && make("p", {}, `New fields: ${newFields.join(", ")}`),
    kinds.length > 0 && table("What the run would have changed", [
      { title: "Records", cell: (kind) => kind },
      { title: "Whole change", cls: "number", cell: count(total) },
      { title: "Limit", cls: "number", cell: count(limits) },
      { title: "Already stored", cls: "number", cell: count(stored) },
    ], kinds),
  ];
}
