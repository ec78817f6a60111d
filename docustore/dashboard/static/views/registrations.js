/** Registrations by time, of all users or by the values of a dimension, beside the period before. */

import { get, query } from "../api.js";
import { chart } from "../charts.js";
import { make } from "../dom.js";
import { number } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { freshnessNotice, withoutLag } from "./freshness.js";
import { stepLabel } from "./trend.js";

const REFRESH_MS = 15_000;
const VALUES = 6;

export function registrationsPanel(page, asked) {
  const file = make("a", { class: "button", download: "registrations.csv", href: "/analytics/registrations?format=csv" }, "Export CSV");
  return livePanel(page, {
    title: "Registrations",
    cls: "span-12",
    actions: [file],
    every: REFRESH_MS,
    load: async (signal) => {
      const path = `/analytics/registrations${query({ ...asked(), top: VALUES })}`;
      file.href = `${path}&format=csv`;
      return withoutLag(await get(path, { signal }));
    },
    show: reportPart,
  });
}

function reportPart(report) {
  const { current, previous, growth, bucket, dimension, freshness } = report;
  const [all, ...values] = current.series;
  const before = (index) => previous?.series[index];
  const grown = growth?.registered_pct;
  return [
    freshnessNotice(freshness),
    make("p", { class: "figure small", id: "registered" }, number(current.registered), make("small", {}, [
      ` by ${bucket}, ${number(current.present)} of them are still there`,
      previous && `; ${number(previous.registered)} in the period before${grown === null || grown === undefined ? "" : ` (${grown > 0 ? "+" : ""}${grown} %)`}`,
    ].filter(Boolean).join(""))),
    current.registered || previous?.registered ? seriesChart("Registrations", all, before(0), current, bucket)
      : empty("No registrations in this period", "Choose “where the data is”."),
    dimension && make("div", { class: "small-charts" }, values.map((series, index) => make("div", {},
      make("h3", {}, series.value, make("small", {}, number(sum(series.registered)))),
      seriesChart(series.value, series, before(index + 1), current, bucket, { height: 110, upTo: topOf(values) })))),
    dimension && report.is_multi_valued && make("p", { class: "note" }, "A user with several values counts in each of them."),
  ];
}

/** The small charts share one axis, so that they can be compared. */
function topOf(values) {
  return Math.max(1, ...values.flatMap(({ registered }) => registered));
}

function seriesChart(label, series, before, { buckets }, bucket, options = {}) {
  const unit = bucket === "hour" ? "day" : bucket;
  return chart({
    label,
    before: before ? "the period before" : null,
    points: buckets.map(({ start, is_partial: isPartial }, index) => ({
      tick: stepLabel(start, unit),
      label: `${stepLabel(start, unit)}${isPartial && index === buckets.length - 1 ? " so far" : ""}`,
      value: series.registered[index],
      before: before ? before.registered[index] ?? 0 : undefined,
    })),
    ...options,
  });
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
