/** One rule of quality: its figures, its remedy, and the users that violate it. */

import { ask, get, query } from "../api.js";
import { actionButton } from "../dialog.js";
import { badge, facts, replaceParts, withCode } from "../dom.js";
import { moment, number } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { moreButton } from "../tables.js";
import { trendPanel } from "./quality_trend.js";
import { usersTable } from "./users.js";

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
      replaceParts(page.actions, waiverButton(rule, figures));
      return rulePart(rule);
    },
  });
  const users = livePanel(page, {
    title: "Users that violate it",
    every: REFRESH_MS,
    load: async (signal) => {
      const items = [];
      let cursor = null;
      do {
        const path = `/quality/rules/${encodeURIComponent(name)}/users`;
        const found = await get(`${path}${query({ limit: Math.min(100, limit - items.length), cursor })}`, { signal });
        items.push(...found.items);
        cursor = found.next_cursor;
      } while (cursor && items.length < limit);
      return { items, hasMore: Boolean(cursor) };
    },
    show: ({ items, hasMore }) => (items.length
      ? [usersTable(items), moreButton(hasMore, () => { limit += PAGE; users.refresh(); })]
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

function waiverButton(rule, figures) {
  const path = `/quality/rules/${encodeURIComponent(rule.name)}/waiver`;
  if (rule.waiver) {
    return actionButton({
      label: "End the waiver",
      needs: "admin",
      run: async () => {
        await ask(path, { method: "DELETE" });
        await figures.refresh();
        return "The rule counts again.";
      },
    });
  }
  return actionButton({
    label: "Waive",
    needs: "admin",
    ask: {
      title: "Accept the violations for some time?",
      text: "The rule is reported as waived until then, and alerts nobody. Its figures go on.",
      fields: [{ name: "until", label: "Until the end of", type: "date" }, { name: "reason", label: "Reason, for the next person" }],
    },
    run: async ({ until, reason }) => {
      await ask(path, { method: "PUT", body: { until: `${until}T23:59:59Z`, reason } });
      await figures.refresh();
      return `Waived until ${until}.`;
    },
  });
}

function limitText({ count, percent }) {
  const parts = [count !== null && `${number(count)} users`, percent !== null && `${percent} %`].filter(Boolean);
  return parts.join(" or ") || "no limit";
}
