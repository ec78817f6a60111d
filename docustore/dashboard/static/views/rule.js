/** One rule of quality: its figures, its remedy, and the users that violate it. */

import { get, query } from "../api.js";
import { badge, facts, replaceParts, withCode } from "../dom.js";
import { moment, number } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { longNote, moreButton, pagesOf, unlessLong } from "../tables.js";
import { trendPanel } from "./quality_trend.js";
import { usersTable } from "./users.js";
import { waiverButton } from "./waiver.js";

const PAGE = 25;
const REFRESH_MS = 5000;

export function ruleView(page, name) {
  page.show({ title: name, back: { view: "quality", text: "Quality" } });
  let limit = PAGE;
  const figures = livePanel(page, {
    title: "Rule",
    every: REFRESH_MS,
    load: async (signal) => {
      const { rules } = await get("/quality/report", { signal });
      return rules.find((rule) => rule.name === name) ?? null;
    },
    show: (rule) => {
      if (!rule) return empty("No such rule", "It may have been removed from the settings.");
      page.rename(rule.title);
      replaceParts(page.actions, waiverButton(rule, figures.refresh));
      return rulePart(rule);
    },
  });
  const users = livePanel(page, {
    title: "Users that violate it",
    every: unlessLong(REFRESH_MS, () => limit),
    load: (signal) => pagesOf((cursor, size) =>
      get(`/quality/rules/${encodeURIComponent(name)}/users${query({ limit: size, cursor })}`, { signal }), limit),
    show: ({ items, hasMore }) => (items.length
      ? [longNote(limit, () => users.refresh()), usersTable(items),
        // Twice as many each time: every step reads the list from its beginning.
        moreButton(hasMore, () => { limit *= 2; return users.refresh(); })]
      : empty("No user violates it", "The list follows changes within about a second.")),
  });
  page.root.append(figures.element, trendPanel(page, { rule: name }).element, users.element);
}

function rulePart(rule) {
  return facts([
    ["Result", badge(rule.status)],
    rule.waiver && ["Waived", [`by ${rule.waiver.by} until `, moment(rule.waiver.until), `: ${rule.waiver.reason} Without it: ${rule.waiver.status}.`]],
    rule.anomaly?.is_anomalous && ["Unusual", `${rule.anomaly.value} % now, ${rule.anomaly.median} % at this hour of other weeks`],
    ["What to do", withCode(rule.remedy)],
    rule.owner && ["Owner", rule.owner],
    ["Dimension", rule.dimension],
    ["Severity", rule.severity],
    ["Violated", `${number(rule.violated)} of ${number(rule.applicable)} users${rule.violated_pct === null ? "" : ` (${rule.violated_pct} %)`}`],
    ["Not judged", number(rule.not_evaluated)],
    ["Not concerned", number(rule.inapplicable)],
    ["Warns above", limitText(rule.warn)],
    ["Fails above", limitText(rule.fail)],
    ["Name and version", `${rule.name}, ${rule.version}`],
  ]);
}

function limitText({ count, percent }) {
  const parts = [count !== null && `${number(count)} users`, percent !== null && `${percent} %`].filter(Boolean);
  return parts.join(" or ") || "no limit";
}
