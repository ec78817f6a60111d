/** How old an answer of the analytics is; nothing where it is current. */

import { moment } from "../format.js";
import { notice } from "../states.js";
import { NOTABLE_LAG_S } from "../summary.js";

export function freshnessNotice({ state, as_of: asOf, lag_s: lag }) {
  if (state === "absent") return notice("stale", "The counters begin when a listener runs.");
  if (state === "failed") return notice("bad", "The counters stand still: rebuild the effect user_analytics in the view Changes.");
  if (state !== "live") return notice("wait", "The counters are built for the first time; until then some users are missing.");
  return lag > NOTABLE_LAG_S ? notice("stale", "These figures are as of ", moment(asOf), ".") : null;
}

/** The figures without their age, which changes with every answer. */
export function withoutLag(report) {
  const { freshness } = report;
  const isOld = freshness.lag_s > NOTABLE_LAG_S;
  return { ...report, freshness: { ...freshness, as_of: isOld ? freshness.as_of : null, lag_s: isOld ? NOTABLE_LAG_S + 1 : 0 } };
}
