/** Alerts: what a person must act on, what is accepted for some time, what has ended, and who was told. */

import { get } from "../api.js";
import { badge, link, make } from "../dom.js";
import { moment, momentSince, plural } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { table } from "../tables.js";
import { alertCard, kindWords, subjectLink } from "./alert.js";
import { messagesPanel } from "./alert_messages.js";
import { waiverButton } from "./waiver.js";

const REFRESH_MS = 5000;
const AREAS = { etl: "Sources", changes: "Change listener", outbox: "Webhooks, stream and handlers", quality: "Quality" };

export function alertsView(page) {
  const refresh = () => Promise.all([open, waived].map((each) => each.refresh()));
  const open = livePanel(page, {
    title: "Open",
    cls: "bare",
    every: REFRESH_MS,
    load: (signal) => get("/alerts", { signal }),
    show: ({ open: found, closed }) => [
      found.length ? groups(found).map(([name, alerts]) => groupPart(name, alerts, refresh))
        : make("section", { class: "panel" }, empty("Nothing needs a person", "An alert opens when a run fails or is overdue, the listener stands still, a receiver refuses changes, or a rule of quality fails.")),
      make("section", { class: "panel", "aria-label": "Ended in the last 30 days" }, make("div", { class: "panel-head" }, make("h2", {}, "Ended in the last 30 days")), closedTable(closed)),
    ],
  });
  const waived = waivedPanel(page, refresh);
  page.show({ title: "Alerts" }, open.element, waived.element, messagesPanel(page).element);
}

/** Group by owner; what has none is grouped by its area. */
function groups(alerts) {
  const found = new Map();
  for (const each of alerts) {
    const name = each.owner ?? AREAS[each.area] ?? each.area;
    found.set(name, [...(found.get(name) ?? []), each]);
  }
  return [...found];
}

function groupPart(name, alerts, refresh) {
  return make("section", { class: "panel", "aria-label": `Alerts of ${name}` },
    make("div", { class: "panel-head" }, make("h2", {}, name, make("small", {}, plural(alerts.length, "open alert")))),
    make("ul", { class: "cards" }, alerts.map((each) => alertCard(each, refresh))));
}

function closedTable(alerts) {
  if (!alerts.length) return empty("No alert has ended", "Ended alerts stay here for 30 days.");
  return table("Ended alerts", [
    { title: "Alert", cls: "text", cell: (each) => kindWords(each) },
    { title: "About", cls: "text", cell: subjectLink },
    { title: "Began", cell: (each) => moment(each.opened_at) },
    { title: "Ended", cell: (each) => moment(each.closed_at) },
    { title: "Owner", cls: "wide", cell: (each) => each.owner ?? "–" },
  ], alerts, { isStacked: true });
}

function waivedPanel(page, refresh) {
  return livePanel(page, {
    title: "Waived rules",
    every: REFRESH_MS,
    load: async (signal) => (await get("/quality/report", { signal })).rules.filter(({ waiver }) => waiver)
      .map(({ name, title, waiver, owner }) => ({ name, title, waiver, owner })),
    show: (rules) => (rules.length ? table("Waived rules", [
      { title: "Rule", cls: "text", cell: (each) => link(each.title, `quality/${encodeURIComponent(each.name)}`) },
      { title: "Without the waiver", cell: (each) => badge(each.waiver.status) },
      { title: "Until", cell: (each) => momentSince(each.waiver.until) },
      { title: "Why", cls: "text", cell: (each) => [each.waiver.reason, make("small", {}, `by ${each.waiver.by}`)] },
      { title: "", cls: "row-actions", cell: (each) => waiverButton(each, refresh) },
    ], rules, { isStacked: true }) : empty("No rule is waived", "A waiver accepts the violations of a rule until a day. Make one at an alert of the rule, or in the view of the rule.")),
  });
}
