/** The chart of an answer: time as bars, one dimension as shares; other answers are only a table. */

import { chart, shareBars } from "../charts.js";
import { make } from "../dom.js";
import { number } from "../format.js";
import { stepLabel } from "./trend.js";

const SHARES = 15;
const SERIES = 6;
const MAX_POINTS = 400;
const MONTHS = { month: 1, quarter: 3, year: 12 };
const DAYS = { day: 1, week: 7 };

/** `bucket` is that of the question, if it has one. */
export function queryChart({ columns, rows }, bucket) {
  const at = (kind) => columns.flatMap((each, index) => (each.kind === kind ? [index] : []));
  const [buckets, dimensions, metrics] = [at("bucket"), at("dimension"), at("metric")];
  if (buckets.length && dimensions.length === 0) {
    return charts(metrics.map((metric) => [columns[metric].name, rows.map((row) => [row[0], row[metric]])]), bucket, metrics.length > 1);
  }
  if (buckets.length && dimensions.length === 1) {
    const values = largest(rows, dimensions[0], metrics[0]);
    return charts(values.map((value) => [value ?? "none",
      rows.filter((row) => row[dimensions[0]] === value).map((row) => [row[0], row[metrics[0]]])]), bucket, values.length > 1);
  }
  if (!buckets.length && dimensions.length === 1) {
    const top = [...rows].filter((row) => row[metrics[0]] !== null).sort((a, b) => b[metrics[0]] - a[metrics[0]]).slice(0, SHARES);
    return make("div", { id: "query-chart" }, make("h3", {}, words(columns[metrics[0]].name), top.length < rows.length && make("small", {}, `the first ${top.length}`)),
      shareBars(top.map((row) => ({ name: row[dimensions[0]] ?? "none", value: row[metrics[0]] }))));
  }
  return null;
}

function charts(series, bucket, isSmall) {
  const places = filled(series.flatMap(([, points]) => points.map(([start]) => start)), bucket);
  if (places.length > MAX_POINTS) return make("p", { class: "note" }, `No chart: ${number(places.length)} buckets are too many for one.`);
  return make("div", { id: "query-chart", class: isSmall ? "small-charts" : null }, series.map(([name, points]) => {
    const values = new Map(points);
    return make("div", {}, isSmall && make("h3", {}, words(name)), chart({
      label: words(name),
      height: isSmall ? 120 : 220,
      points: places.map((start) => ({ label: labelOf(start, bucket), value: values.get(start) ?? 0 })),
    }));
  }));
}

function words(name) {
  return String(name).replaceAll("_", " ");
}

function labelOf(start, bucket) {
  if (bucket === "hour") return start.slice(0, 16).replace("T", " ");
  return stepLabel(start.slice(0, 10), bucket === "quarter" ? "month" : bucket);
}

/** The values of a dimension with the largest sums. */
function largest(rows, dimension, metric) {
  const sums = new Map();
  for (const row of rows) sums.set(row[dimension], (sums.get(row[dimension]) ?? 0) + (row[metric] ?? 0));
  return [...sums].sort((a, b) => b[1] - a[1]).slice(0, SERIES).map(([value]) => value);
}

/**
 * All buckets from the first to the last: a bucket without users has no row, but its place.
 *
 * Hours stay as they are: on a day when clocks change, their number is not that of the calendar.
 */
function filled(starts, bucket) {
  const known = [...new Set(starts)].sort((a, b) => Date.parse(a) - Date.parse(b));
  if (known.length < 2 || bucket === "hour") return known;
  const byDay = new Map(known.map((start) => [start.slice(0, 10), start]));
  const last = known.at(-1).slice(0, 10);
  const places = [];
  for (let day = known[0].slice(0, 10); day <= last && places.length <= MAX_POINTS; day = nextDay(day, bucket)) {
    places.push(byDay.get(day) ?? `${day}T00:00:00`);
    byDay.delete(day);
  }
  // A calendar that the steps do not meet: rather no gap than a lost row.
  return byDay.size ? known : places;
}

function nextDay(day, bucket) {
  const time = new Date(`${day}T00:00:00Z`);
  if (MONTHS[bucket]) time.setUTCMonth(time.getUTCMonth() + MONTHS[bucket]);
  else time.setUTCDate(time.getUTCDate() + DAYS[bucket]);
  return time.toISOString().slice(0, 10);
}
