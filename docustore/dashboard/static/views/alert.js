/** One alert: what it is about, since when, and its cause in full. */

import { badge, facts, link, make, withCode } from "../dom.js";
import { moment, momentSince, number } from "../format.js";
import { longText } from "../states.js";
import { waiverButton } from "./waiver.js";

const WORDS = {
  run_failed: "A run failed",
  budget_exceeded: "A run had too many bad records",
  run_held: "A run waits for approval",
  overdue: "A source is overdue",
  no_records: "A source has no records any more",
  gate_not_passed: "A run broke its quality gate",
  volume_unusual: "A source has an unusual number of records",
  new_fields: "A source sends fields that nothing reads",
  missing_fields: "A source lacks fields that it had",
  oplog_short: "The oplog is too short",
  listener_stalled: "The listener stands still",
  destination_failing: "A receiver refuses changes",
  destination_disabled: "A receiver was disabled",
  rule_failed: "A rule of quality fails",
  rule_unusual: "A rule is unusual for this hour",
  quality_differs: "The figures of quality differ from the users",
};
// Shown in another place, or with other words.
const OWN = new Set(["run_id", "error", "problem", "next_step", "first"]);
const LONG = ["error", "problem", "first"];
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

export function kindWords({ kind }) {
  return WORDS[kind] ?? kind.replaceAll("_", " ");
}

/** Link to the view of what an alert is about. */
export function subjectLink({ area, subject }) {
  if (area === "quality") return subject === "user_quality" ? link("the effect user_quality", "changes") : link(subject, `quality/${encodeURIComponent(subject)}`);
  if (area === "changes") return link("the change listener", "changes");
  if (area === "outbox") return subject.startsWith("webhook:") ? link(subject, `webhooks/${encodeURIComponent(subject.slice(8))}`) : subject;
  return link(subject, `runs?source=${encodeURIComponent(subject)}`);
}

export function alertCard(alert, refresh) {
  const { facts: found } = alert;
  return make("li", { class: "card", "data-alert": alert.id },
    make("div", { class: "card-head" },
      make("h3", {}, badge(alert.kind === "run_held" ? "held" : "failed", kindWords(alert))),
      make("div", { class: "actions" }, alert.kind === "rule_failed" && waiverButton({ name: alert.subject, waiver: null }, refresh))),
    LONG.filter((name) => found[name]).map((name) => longText(String(found[name]))),
    found.next_step && make("p", {}, make("b", {}, "Next step: "), withCode(found.next_step)),
    facts([
      ["About", subjectLink(alert)],
      ["Open since", momentSince(alert.opened_at)],
      alert.area === "etl" && ["Last found", momentSince(alert.last_at)],
      found.run_id && ["Run", link(found.run_id, `runs/${encodeURIComponent(found.run_id)}`)],
      ...Object.entries(found).filter(([name]) => !OWN.has(name)).map(([name, value]) => [words(name), factPart(value)]),
    ], "compact left"));
}

export function words(name) {
  const text = name.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
}

export function factPart(value) {
  if (typeof value === "number") return number(value);
  return typeof value === "string" && TIME.test(value) ? moment(value) : String(value);
}
