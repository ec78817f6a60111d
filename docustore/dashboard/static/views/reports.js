/** The scheduled reports: when each one runs next, how its last run ended, and its levers. */

import { ask, get, post } from "../api.js";
import { actionButton } from "../dialog.js";
import { badge, link, make } from "../dom.js";
import { moment, momentSince } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { table } from "../tables.js";
import { newReportFields, reportBody } from "./report_form.js";
import { secretTold } from "./secret.js";

const REFRESH_MS = 5000;

export function reportsView(page) {
  const list = livePanel(page, {
    title: "By name",
    every: REFRESH_MS,
    load: (signal) => get("/analytics/reports", { signal }),
    show: (reports) => (reports.length ? table("Reports", [
      { title: "Report", cls: "text", cell: (each) => [reportLink(each.name), make("small", {}, "answers ", queryLink(each.query))] },
      { title: "Schedule", cls: "text", cell: scheduleOf },
      { title: "Next run", cell: (each) => (each.is_paused ? badge("paused") : momentSince(each.next_slot, { never: "unknown" })) },
      { title: "Last run", cls: "text", cell: ({ last }) => (last ? deliveryPart(last) : "none yet") },
      { title: "", cls: "row-actions", cell: (each) => runButton(each.name, list.refresh, `run ${each.name}`) },
    ], reports, { isStacked: true })
      : empty("No reports", "A report answers a saved query by a schedule, and sends the rows by webhook or mail.", link("Saved queries", "queries"))),
  });
  page.show({ title: "Reports", actions: [createButton(list)].filter(Boolean) }, list.element);
}

function reportLink(name) {
  return link(name, `reports/${encodeURIComponent(name)}`);
}

export function queryLink(name) {
  return link(name, `queries/${encodeURIComponent(name)}`);
}

export function scheduleOf({ schedule, timezone }) {
  return schedule.includes(" ") && !schedule.startsWith("every") ? `${schedule}, ${timezone}` : schedule;
}

/** State and time of a delivery, and its whole error. */
export function deliveryPart({ state, slot, error, due_at: due }) {
  return [badge(state), make("small", {}, moment(slot)), error && make("p", { class: "cause" }, error),
    state === "due" && error && make("small", {}, "next attempt ", moment(due))];
}

export function runButton(name, refresh, key) {
  return actionButton({
    label: "Run now",
    needs: "admin",
    key,
    run: async () => {
      const { state, error, rows } = await post(`/analytics/reports/${encodeURIComponent(name)}/run`);
      await refresh();
      return error ? `Not sent: ${error}` : `${state === "delivered" ? "Sent" : state}: ${rows ?? 0} rows.`;
    },
  });
}

function createButton(list) {
  return actionButton({
    label: "Create",
    needs: "admin",
    cls: "primary",
    ask: newReportFields,
    run: async ({ name, ...values }) => {
      const response = await ask(`/analytics/reports/${encodeURIComponent(name)}`, { method: "PUT", body: reportBody(values) });
      const { secret, report } = await response.json();
      await list.refresh();
      if (!secret) return `${name} is created.`;
      return secretTold(`The report ${name} is created`, secret, `Messages to ${report.webhook_url} are signed with it.`);
    },
  });
}
