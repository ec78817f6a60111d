/** What a run has read, and what became of it. */

import { shareBars } from "../charts.js";
import { link, make } from "../dom.js";
import { bytes, duration, number, percent } from "../format.js";

const OUTCOMES = ["inserted", "updated", "unchanged", "stale", "quarantined", "deactivated"];

export function countsPart({ counts, quality: found, unread, new_fields: newFields, snapshot, verification, id }) {
  // What the quality gate has counted stands beside its limits.
  const quality = Object.fromEntries(Object.entries(found).filter(([reason]) => !reason.startsWith("gate:")));
  const stack = OUTCOMES.filter((name) => counts[name] > 0).map((name) => {
    const part = make("span", { class: `outcome-${name}` });
    part.style.width = `${(100 * counts[name]) / Math.max(1, counts.read)}%`;
    return part;
  });
  return [
    make("p", { class: "figure small" }, number(counts.read), make("small", {}, " read")),
    make("div", { class: "stack", "aria-hidden": "true" }, stack),
    make("dl", { class: "legend" }, OUTCOMES.map((name) => make("div", { class: `outcome-${name}` },
      make("dt", {}, name), make("dd", {}, number(counts[name]))))),
    counts.warnings > 0 && make("p", { class: "note" }, `${number(counts.warnings)} records were loaded with a warning.`),
    Object.keys(quality).length > 0 && [make("h3", {}, "Reasons"), shareBars(Object.entries(quality).sort((a, b) => b[1] - a[1]).map((entry) => reasonBar(entry, id)), { tone: "warn" })],
    unread.names.length > 0 && [make("h3", {}, "Read by nothing"),
      make("p", { class: "note" }, `Keys of the source that nothing reads, in ${number(unread.sampled)} records: `,
        unread.names.map(({ name, records }) => `${name} (${number(records)})`).join(", "), ".")],
    newFields.length > 0 && [make("h3", {}, "New fields"), make("p", {}, newFields.join(", "))],
    snapshot && [make("h3", {}, "Full reading"), make("p", {}, snapshot.problem
      ? `Nothing concluded: ${snapshot.problem}`
      : `${number(snapshot.absent)} absent for the first time, ${number(snapshot.deactivated)} deactivated.`)],
    verification && verification.sampled > 0 && [make("h3", {}, "Read back"), make("p", {},
      `${number(verification.sampled)} records read back, ${number(verification.differences.length)} differ.`),
    make("ul", {}, verification.differences.map(({ user_id: user, identity, fields }) =>
      make("li", {}, user ? link(identity, `users/${user}`) : identity, `: ${fields.join(", ")}`)))],
  ];
}

/** A reason is the place in the record and the code, such as `/email missing`; a warning has no place. */
function reasonBar([reason, records], run) {
  const [code, pointer] = reason.split(" ").reverse();
  const text = code.replaceAll("_", " ");
  const name = pointer ? link(text, `quarantine?code=${encodeURIComponent(code)}&run=${run}`) : text;
  return { name, note: pointer ? pointer.slice(1).replaceAll("/", ".") : "a warning", value: records };
}

export function progressPart({ progress: { phase, done, total, unit, per_s: rate, eta_s: eta } }) {
  const size = unit === "bytes" ? bytes : number;
  const bar = make("progress", { max: total ?? undefined, value: total ? done : undefined, "aria-label": "Progress of the run" });
  return [
    bar,
    make("p", { class: "note" }, [
      `${phase}: ${size(done)}${total ? ` of ${size(total)} (${percent(done / total)})` : ""}${unit === "bytes" ? "" : ` ${unit}`}`,
      rate && `${size(Math.round(rate))} per second`,
      eta !== null && `${duration(eta)} left`,
    ].filter(Boolean).join(", ")),
  ];
}
