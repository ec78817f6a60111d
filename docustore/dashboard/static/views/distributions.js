/** The present users by the values of each dimension. */

import { get } from "../api.js";
import { shareBars } from "../charts.js";
import { link, make } from "../dom.js";
import { number } from "../format.js";
import { livePanel } from "../panels.js";
import { freshnessNotice, withoutLag } from "./freshness.js";

const REFRESH_MS = 15_000;

export const DIMENSIONS = {
  status: "status", source: "source", location: "location", language: "language", theme: "theme", role: "role", tag: "tag",
  completeness: "filled parts of the profile", email_domain: "domain of the e-mail",
};
// The list of users has a filter for these.
const LISTED = new Set(["status", "role", "tag", "location"]);
// Summed values, which are no value of a user.
const NO_FILTER = new Set(["other", "none"]);

export function distributionsPanel(page) {
  return livePanel(page, {
    title: "Present users by value",
    cls: "span-12",
    every: REFRESH_MS,
    actions: [make("a", { class: "button", download: "users.csv", href: "/analytics/users?format=csv" }, "Export CSV")],
    load: async (signal) => withoutLag(await get("/analytics/users?top=6", { signal })),
    show: ({ distributions, freshness }) => [
      freshnessNotice(freshness),
      make("div", { class: "small-charts" }, distributions.map(distributionPart)),
    ],
  });
}

function distributionPart({ dimension, is_multi_valued: isMany, values }) {
  return make("div", {}, make("h3", {}, DIMENSIONS[dimension] ?? dimension, isMany && make("small", {}, "several per user")),
    shareBars(values.filter(({ present }) => present > 0).map(({ value, present, present_pct: share }) => ({
      name: LISTED.has(dimension) && !NO_FILTER.has(value) ? link(value, `users?${new URLSearchParams({ [dimension]: value })}`) : value,
      note: share === null ? "" : `${share} %`,
      value: present,
    })), { format: number }));
}
