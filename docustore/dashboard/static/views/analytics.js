/** Users in figures: registrations, statuses, account age. */

import { chart, shareBars } from "../charts.js";
import { link, make, replaceParts } from "../dom.js";
import { number, percent } from "../format.js";
import { panel } from "../panels.js";
import { empty } from "../states.js";
import { followSummary } from "../summary.js";
import { trendPoints, trendTitle } from "./trend.js";

export function analyticsView(page) {
  const body = make("div", { class: "grid" });
  page.show({ title: "Analytics" }, body);
  let shown = null;
  followSummary(page, ({ users, trend }) => {
    const text = JSON.stringify([users.total_users, users.status_distribution, trend]);
    if (text === shown) return;
    shown = text;
    replaceParts(body, parts(users, trend));
  });
}

function parts(users, trend) {
  if (!users.total_users) return make("div", { class: "span-12" }, empty("No users yet", "The figures begin with the first user."));
  const statuses = Object.entries(users.status_distribution);
  return [
    panel({ title: "Registrations", cls: "span-12" }, trend.bars.length ? [
      make("p", { class: "note" }, trendTitle(trend)), chart({ label: "Registrations", points: trendPoints(trend) })]
      : empty("No registrations", "No user has a known time of registration.")),
    panel({ title: "By status", cls: "span-8" }, shareBars(statuses.map(([status, count]) => ({
      name: link(status, `users?status=${status}`), value: count, note: percent(count / users.total_users) })))),
    panel({ title: "Average account age", cls: "span-4" },
      make("p", { class: "figure small" }, number(Math.round(users.average_account_age_days)), make("small", {}, " days"))),
  ];
}
