/** The score over time, of everything or of one rule. */

import { get, query } from "../api.js";
import { chart } from "../charts.js";
import { make } from "../dom.js";
import { plural, scoreText } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";

const REFRESH_MS = 60_000;
const FORMATS = {
  hour: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false },
  day: { month: "short", day: "numeric", timeZone: "UTC" },
};
// A line of fewer points says nothing yet.
const FEWEST = 2;

/** `rule` is the name of a rule; absent for the overall score. */
export function trendPanel(page, { rule = null, cls = "" } = {}) {
  return livePanel(page, {
    title: rule ? "Score of this rule over time" : "Score over time",
    cls,
    every: REFRESH_MS,
    load: async (signal) => {
      const hours = await get(`/quality/trend${query({ bucket: "hour", rule })}`, { signal });
      if (hours.points.filter(isKnown).length >= FEWEST) return withData(hours);
      // Hours of old days are stored as days only.
      const days = await get(`/quality/trend${query({ bucket: "day", rule })}`, { signal });
      return days.points.filter(isKnown).length >= FEWEST ? withData(days) : withData(hours);
    },
    show: trendPart,
  });
}

function isKnown({ score }) {
  return score !== null;
}

/** Leave out the time before the first figures and after the last ones. */
function withData({ bucket, points }) {
  const first = points.findIndex(isKnown);
  return { bucket, points: first < 0 ? [] : points.slice(first, points.findLastIndex(isKnown) + 1) };
}

function trendPart({ bucket, points }) {
  const known = points.filter(isKnown);
  if (known.length < FEWEST) {
    return empty("Not enough history yet", `The worker stores the score once an hour; ${plural(known.length, "hour")} so far.`);
  }
  const format = new Intl.DateTimeFormat("en", FORMATS[bucket]);
  const lowest = Math.min(...known.map(({ score }) => score));
  const odd = points.filter(({ is_anomalous: isOdd }) => isOdd);
  return [
    chart({
      label: "Score",
      kind: "line",
      // The whole range would flatten every change.
      from: Math.max(0, Math.floor(lowest / 10) * 10 - (lowest % 10 === 0 ? 10 : 0)),
      upTo: 100,
      format: scoreText,
      points: points.map(({ at, score }) => ({ label: format.format(new Date(at)), value: score })),
    }),
    make("p", { class: "note" }, `By ${bucket}; gaps are hours in which nothing was stored.`),
    odd.length > 0 && make("p", { class: "note" }, `Unusual for the hour of its week: ${odd.map(({ at }) => format.format(new Date(at))).join(", ")}.`),
  ];
}
