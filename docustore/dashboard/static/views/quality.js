/** The quality of all users: score, trend, rules and what they cost. */

import { get, post } from "../api.js";
import { shareBars } from "../charts.js";
import { actionButton } from "../dialog.js";
import { badge, link, make, replaceParts } from "../dom.js";
import { moment, number, plural, scoreText, since } from "../format.js";
import { livePanel, panel } from "../panels.js";
import { notice } from "../states.js";
import { table } from "../tables.js";
import { noUsers } from "./no_users.js";
import { trendPanel } from "./quality_trend.js";

const REFRESH_MS = 5000;
const ORDER = ["failed", "unknown", "warning", "incomplete", "waived", "passed"];

export function qualityView(page) {
  const rules = make("div", {});
  const report = livePanel(page, {
    title: "Report",
    cls: "bare",
    every: REFRESH_MS,
    load: (signal) => get("/quality/report", { signal }),
    show: (found) => {
      replaceParts(rules, found.users ? panel({ title: "Rules" }, rulesTable(found.rules)) : []);
      return reportPart(found);
    },
  });
  page.show({ title: "Quality", actions: [checkButton(report)].filter(Boolean) }, report.element, trendPanel(page).element, rules);
}

function checkButton(report) {
  return actionButton({
    label: "Check all users",
    ask: { title: "Judge all users again?", text: "It reads every user and says whether the kept figures are right. With many users it takes minutes." },
    run: async () => {
      const { differences, problem } = await post("/quality/run");
      await report.refresh();
      if (!differences) return `Not compared: ${problem}`;
      return differences.length ? `Differences: ${differences.join("; ")}. Rebuild the effect user_quality.` : "The kept figures are right.";
    },
  });
}

function reportPart(report) {
  const { rules, dimensions, last_check: check } = report;
  if (!report.users) return noUsers("The report begins with the first user.");
  const failed = rules.filter(({ status }) => status === "failed").length;
  const warned = rules.filter(({ status }) => status === "warning").length;
  return make("div", { class: "grid" },
    report.state !== "live" && make("div", { class: "span-12" }, notice("wait", `The effect that judges users is ${report.state}: rules without a result are unknown.`)),
    panel({ title: "Score", cls: "span-4" },
      make("p", { class: "figure", id: "score" }, scoreText(report.score), make("small", {}, " of 100")),
      make("p", { class: "note" }, `${number(report.users)} users, `, "as of ", moment(report.as_of)),
      make("p", {}, `${plural(failed, "rule")} failed, ${warned} with a warning, of ${rules.length}.`),
      check && make("p", { class: check.differences?.length ? "cause" : "note" }, `Last full check ${checkText(check)}, `, since(check.at))),
    panel({ title: "Dimensions", cls: "span-8" },
      shareBars(Object.entries(dimensions).map(([name, value]) => ({ name, value })), { of: 100, format: scoreText })));
}

function checkText({ differences, problem }) {
  if (!differences) return `could not compare: ${problem}`;
  return differences.length ? `found differences: ${differences.join("; ")}` : "found no difference";
}

function rulesTable(rules) {
  const sorted = [...rules].sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || b.violated - a.violated);
  return table("Rules", [
    { title: "Rule", cls: "text", cell: (rule) => [link(rule.title, `quality/${encodeURIComponent(rule.name)}`), rule.owner && make("small", {}, rule.owner)] },
    { title: "Result", cell: (rule) => badge(rule.status) },
    { title: "Dimension", cls: "wide", cell: (rule) => rule.dimension },
    { title: "Severity", cls: "wide", cell: (rule) => rule.severity },
    { title: "Violated", cls: "number", cell: (rule) => number(rule.violated) },
    { title: "Of applicable", cls: "number", cell: (rule) => (rule.violated_pct === null ? "–" : `${rule.violated_pct} %`) },
    { title: "Not judged", cls: "number wide", cell: (rule) => number(rule.not_evaluated) },
  ], sorted, { isStacked: true });
}
