/** Who stays, who changes the status, and how long users have been there. */

import { get, query } from "../api.js";
import { shareBars } from "../charts.js";
import { facts, make } from "../dom.js";
import { number } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { table } from "../tables.js";
import { withoutLag } from "./freshness.js";

const REFRESH_MS = 30_000;
// A year: more columns would not fit, and the export has them.
const MONTHS = 12;

export function transitionsPanel(page, asked) {
  return livePanel(page, {
    title: "Changes of status",
    cls: "span-6",
    every: REFRESH_MS,
    load: async (signal) => {
      const { from, to, bucket, compare } = asked();
      return withoutLag(await get(`/analytics/transitions${query({ from, to, bucket, compare })}`, { signal }));
    },
    show: ({ current, previous, growth_pct: growth }) => (current.changes ? [
      make("p", { class: "note" }, `${number(current.changes)} in this period${previous ? `, ${number(previous.changes)} in the period before` : ""}${
        growth === null ? "" : ` (${growth > 0 ? "+" : ""}${growth} %)`}.`),
      shareBars(current.series.filter(({ changes }) => changes > 0).sort((a, b) => b.changes - a.changes).map(({ from, to, changes }) => ({ name: `${from} → ${to}`, value: changes }))),
    ] : empty("No changes of status", "None in this period.")),
  });
}

export function agesPanel(page) {
  return livePanel(page, {
    title: "Account age",
    cls: "span-6",
    every: REFRESH_MS,
    load: async (signal) => withoutLag(await get("/analytics/ages", { signal })),
    show: ({ ages: [{ average_days: average, percentiles_days: percentiles, unknown }] }) => (average === null
      ? empty("No ages", "No user has a known registration.")
      : [
        make("p", { class: "figure small" }, number(Math.round(average)), make("small", {}, " days on average")),
        facts([...Object.entries(percentiles).map(([name, days]) =>
          [`${name.slice(1)} % have at most`, `${number(days)} days`]), unknown > 0 && ["Unknown", number(unknown)]], "compact"),
      ]),
  });
}

export function cohortsPanel(page, askedRange) {
  const file = make("a", { class: "button", download: "cohorts.csv", href: "/analytics/cohorts?format=csv" }, "Export CSV");
  return livePanel(page, {
    title: "Users of each month that are still there",
    cls: "span-12",
    every: REFRESH_MS,
    actions: [file],
    load: async (signal) => {
      const range = askedRange();
      file.href = `/analytics/cohorts${query({ ...range, format: "csv" })}`;
      return withoutLag(await get(`/analytics/cohorts${query(range)}`, { signal }));
    },
    show: ({ cohorts }) => {
      const filled = cohorts.filter(({ registered }) => registered);
      if (!filled.length) return empty("No registrations in these 12 months", "A cohort is a month of registrations.");
      const offsets = Math.min(MONTHS, Math.max(...filled.map(({ cells }) => cells.length)));
      return [table("Cohorts", [
        { title: "Month", cell: ({ month }) => month },
        { title: "Registered", cls: "number", cell: ({ registered }) => number(registered) },
        ...Array.from({ length: offsets }, (_, offset) => ({
          title: offset ? `+${offset}` : "same", cls: "number cohort", cell: ({ cells }) => cellPart(cells.find((each) => each.offset === offset)),
        })),
      ], filled), make("p", { class: "note" }, `In per cent of the month's registrations, by months afterwards (UTC)${
        filled.length < cohorts.length ? "; months without registrations are left out" : ""}. A star marks a month that has not ended.`)];
    },
  });
}

function cellPart(cell) {
  if (!cell || cell.retained_pct === null) return "";
  const part = make("span", { class: "heat" }, `${Math.round(cell.retained_pct)}${cell.is_unfinished ? "*" : ""}`);
  part.style.setProperty("--share", `${Math.round(cell.retained_pct / 4)}%`);
  return part;
}
