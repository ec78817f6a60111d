/** The words of a trend of registrations. */

import { number } from "../format.js";

const FORMATS = {
  day: { day: "numeric", month: "short" },
  week: { day: "numeric", month: "short", year: "2-digit" },
  month: { month: "short", year: "numeric" },
  year: { year: "numeric" },
};

export function stepLabel(start, unit) {
  const format = new Intl.DateTimeFormat("en", { ...FORMATS[unit], timeZone: "UTC" });
  return format.format(new Date(start.length === 10 ? `${start}T00:00:00Z` : start));
}

export function trendPoints({ unit, bars }) {
  return bars.map(({ start, count }) => ({ label: stepLabel(start, unit), value: count }));
}

/** Say what the chart shows, and what it leaves out. */
export function trendTitle({ unit, bars, left_out: leftOut }) {
  const total = bars.reduce((sum, { count }) => sum + count, 0);
  const rest = leftOut ? ` ${number(leftOut)} more lie outside this range.` : "";
  const range = `${stepLabel(bars[0].start, unit)} to ${stepLabel(bars.at(-1).start, unit)}`;
  return `${number(total)} registrations by ${unit} (UTC), ${range}.${rest}`;
}
