/** How old an answer of the analytics is; nothing where it is current. */

import { moment } from "../format.js";
import { notice } from "../states.js";

export function freshnessNotice({ state, as_of: asOf, lag_s: lag }) {
  if (state === "absent") return notice("stale", "The counters begin when a listener runs.");
  if (state === "failed") return notice("bad", "The counters stand still: rebuild the effect user_analytics in the view Changes.");
  if (state !== "live") return notice("wait", "The counters are built for the first time; until then some users are missing.");
  return lag > 60 ? notice("stale", "These figures are as of ", moment(asOf), ".") : null;
}

/** The figures without their age, which changes with every answer. */
export function withoutLag(report) {
  const { freshness } = report;
  return { ...report, freshness: { ...freshness, as_of: freshness.lag_s > 60 ? freshness.as_of : null, lag_s: freshness.lag_s > 60 ? 61 : 0 } };
}
