/** The figures of all views, asked for every few seconds, and the line that says how current they are. */

import { get } from "./api.js";
import { link, make, replaceParts } from "./dom.js";
import { duration, setNow, since } from "./format.js";
import { setScope } from "./session.js";
import { notice } from "./states.js";

const REFRESH_MS = 3000;
// Long enough for the batches of a run; "live" must not stand above figures that are older.
export const NOTABLE_LAG_S = 10;
// A request is given up much later; until then its figures must not be called live.
const LATE = { title: "No answer yet", message: `The server has not answered for ${NOTABLE_LAG_S} seconds.` };
const readers = new Set();
let latest = null;
let receivedAt = null;

/** Call `show` with the latest figures and whenever they change, until the visitor leaves the view. */
export function followSummary(page, show) {
  readers.add(show);
  page.signal.addEventListener("abort", () => readers.delete(show));
  if (latest) show(latest);
}

/** Read the figures once; raise a `Problem` if they cannot be read. */
export async function refreshSummary() {
  const found = await get("/dashboard/summary");
  setNow(found.now);
  setScope(found.scope);
  [latest, receivedAt] = [found, new Date().toISOString()];
  for (const show of readers) show(found);
  showCurrency(null);
  showCounts(found);
}

export async function keepSummaryFresh() {
  if (!document.hidden) {
    const waiting = window.setTimeout(() => showCurrency(LATE), NOTABLE_LAG_S * 1000);
    try {
      await refreshSummary();
    } catch (error) {
      showCurrency(error);
    } finally {
      window.clearTimeout(waiting);
    }
  }
  window.setTimeout(keepSummaryFresh, REFRESH_MS);
}

/** How the listener is, in two words; one that rests is not current, even if nothing waits for it. */
export function listenerWords({ state, is_caught_up: isCaughtUp, lag_s: lag }) {
  if (state !== "streaming" || lag === null) return state;
  return isCaughtUp ? "caught up" : `${duration(lag)} behind`;
}

/** Why the figures that the listener keeps may be old; null if they are current. */
export function delayOf(changes) {
  if (changes.state === "streaming") {
    return changes.lag_s > NOTABLE_LAG_S ? `The listener is ${duration(changes.lag_s)} behind.` : null;
  }
  if (changes.state === "new") return "The listener has not started yet.";
  return `The listener is ${changes.state}.`;
}

function showCurrency(problem) {
  const line = document.getElementById("freshness");
  const delay = latest && delayOf(latest.changes);
  const state = problem ? "away" : delay ? "behind" : "live";
  line.className = `freshness ${state}`;
  const text = { away: "no answer; retrying", behind: "figures are behind", live: "live" }[state];
  if (line.textContent !== text) line.textContent = text;
  const notices = document.getElementById("notices");
  const shown = problem ? away(problem) : delay ? behind(delay) : null;
  if ((shown?.textContent ?? "") !== notices.textContent) replaceParts(notices, shown);
}

function away(problem) {
  const cause = problem.message.replace(/\.$/, "");
  return notice("bad", `${problem.title ?? "The page failed"}. ${cause}. What you see is from `,
    since(receivedAt, { never: "before" }), ".");
}

function behind(delay) {
  return notice("stale", `${delay} Figures, history and quality are as of `,
    since(latest.users.as_of, { never: "no change yet" }), ". ", link("See the listener", "changes"));
}

function showCounts({ open_alerts: alerts, open_records: open, changes }) {
  count("alerts", alerts, "open alerts");
  count("quarantine", open, "open records");
  count("changes", changes.dead_letters, "dead letters");
}

/** The server stops counting at 1,000. */
function count(view, value, what) {
  const item = document.querySelector(`[data-view="${view}"] .count`);
  const text = value >= 1000 ? "999+" : value > 0 ? String(value) : "";
  if (item.dataset.shown === text) return;
  item.dataset.shown = text;
  item.replaceChildren(text, text && make("span", { class: "visually-hidden" }, ` ${what}`));
}
