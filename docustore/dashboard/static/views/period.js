/** The periods of the analytics: what a choice means for a request. */

const DAY_MS = 86_400_000;
const DAYS = { month: 30, quarter: 91, year: 365 };
const BUCKETS = { month: "day", quarter: "week", year: "month" };

export const PERIODS = {
  auto: "where the data is",
  month: "last 30 days",
  quarter: "last 13 weeks",
  year: "last 12 months",
};

/** Return `{ from, to, bucket }`; `trend` is the range that the server has found to hold nearly all registrations. */
export function periodOf(choice, trend, now) {
  if (choice !== "auto") {
    const begin = new Date(now - DAYS[choice] * DAY_MS);
    begin.setUTCHours(0, 0, 0, 0);
    return { from: begin.toISOString(), to: null, bucket: BUCKETS[choice] };
  }
  const { unit, bars } = trend;
  const bucket = unit === "year" ? "month" : unit;
  const last = endOf(bars.at(-1).start, unit);
  return { from: `${bars[0].start}T00:00:00Z`, to: last < now ? last.toISOString() : null, bucket };
}

/**
 * Return `{ from, to }` of the cohorts: the twelve months that end with the data, if they are not those of now.
 *
 * A store that was loaded from another system has no registrations in the last months.
 */
export function cohortsOf(choice, trend, now) {
  const filled = trend.bars.findLast(({ count }) => count > 0);
  if (choice !== "auto" || !filled) return {};
  const end = endOf(filled.start, trend.unit);
  if (end >= now) return {};
  // The end is not within its period: the last month is that of the day before.
  const last = new Date(end - DAY_MS);
  return { from: new Date(Date.UTC(last.getUTCFullYear(), last.getUTCMonth() - 11, 1)).toISOString(), to: end.toISOString() };
}

function endOf(start, unit) {
  const end = new Date(`${start}T00:00:00Z`);
  if (unit === "year") end.setUTCFullYear(end.getUTCFullYear() + 1);
  else if (unit === "month") end.setUTCMonth(end.getUTCMonth() + 1);
  else end.setUTCDate(end.getUTCDate() + (unit === "week" ? 7 : 1));
  return end;
}
