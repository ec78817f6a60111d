/** One report: its schedule, each delivery with its error, and its levers. */

import { ask, get, getTagged, post } from "../api.js";
import { actionButton, adminButtons } from "../dialog.js";
import { badge, facts, make, replaceParts } from "../dom.js";
import { csvOf, saveFile } from "../files.js";
import { moment, momentSince, number } from "../format.js";
import { livePanel } from "../panels.js";
import { empty, longText } from "../states.js";
import { table } from "../tables.js";
import { changedReportFields, reportBody } from "./report_form.js";
import { deliveryPart, queryLink, runButton, scheduleOf } from "./reports.js";
import { secretTold } from "./secret.js";

const REFRESH_MS = 5000;

export function reportView(page, name) {
  const path = `/analytics/reports/${encodeURIComponent(name)}`;
  page.show({ title: name, back: { view: "reports", text: "Reports" } });
  const figures = livePanel(page, {
    title: "Report",
    every: REFRESH_MS,
    load: async (signal) => {
      const [report, etag] = await getTagged(path, { signal });
      return { report, etag };
    },
    show: ({ report, etag }) => {
      replaceParts(page.actions, buttons(report, etag, path, refresh));
      return reportPart(report);
    },
  });
  const deliveries = livePanel(page, {
    title: "Deliveries",
    every: REFRESH_MS,
    load: (signal) => get(`${path}/deliveries?limit=100`, { signal }),
    show: (found) => (found.length ? table("Deliveries", [
      { title: "Slot", cls: "text", cell: deliveryPart },
      { title: "Attempts", cls: "number", cell: (each) => number(each.attempts) },
      { title: "Rows", cls: "number", cell: (each) => number(each.rows) },
      { title: "Ended", cell: (each) => moment(each.finished_at) },
    ], found, { isStacked: true }) : empty("No deliveries", "The first one comes with the next slot, or now by “Run now”. They are kept for 90 days.")),
  });
  page.root.append(figures.element, deliveries.element);
  async function refresh() {
    await Promise.all([figures.refresh(), deliveries.refresh()]);
  }
}

function reportPart(report) {
  return [
    report.last?.error && [make("p", { class: "label" }, "Why its last run failed"), longText(report.last.error)],
    facts([
      ["Query", queryLink(report.query)],
      ["Schedule", scheduleOf(report)],
      ["Next run", report.is_paused ? badge("paused") : momentSince(report.next_slot, { never: "unknown to this version" })],
      ["Last run", report.last ? [badge(report.last.state), " ", moment(report.last.slot)] : "none yet"],
      ["Format", report.format],
      report.webhook_url ? ["Webhook", report.webhook_url] : ["Mail to", report.mail_to.join(", ")],
      ["Owner", report.owner],
      ["Changed", [momentSince(report.updated_at), make("small", {}, `by ${report.updated_by}`)]],
      ["Version", number(report.version)],
    ]),
  ];
}

function buttons(report, etag, path, refresh) {
  const act = adminButtons(refresh);
  return [
    runButton(report.name, refresh, "Run now"),
    act("Download rows", null, () => download(report)),
    report.is_paused ? act("Resume", null, async () => { await post(`${path}/resume`); return "Resumed."; }, "primary")
      : act("Pause", { title: "Pause this report?", text: "What is due meanwhile is skipped. “Run now” still works." }, async () => { await post(`${path}/pause`); return "Paused."; }),
    act("Edit", () => changedReportFields(report), async (values) => {
      const response = await ask(path, { method: "PUT", body: reportBody(values), headers: { "If-Match": etag } });
      const { secret } = await response.json();
      return secret ? secretTold("The report is changed", secret, "Its webhook has a new secret.") : "Changed.";
    }),
    actionButton({ label: "Delete", needs: "admin", ask: { title: `Delete ${report.name}?`, isDangerous: true, text: "Its deliveries are deleted, too. This cannot be undone. The saved query stays." },
      run: async () => {
        await ask(path, { method: "DELETE" });
        window.location.hash = "#/reports";
        return "Deleted.";
      } }),
  ].filter(Boolean);
}

/** Save the rows as they are now: those of a past delivery are not kept. */
async function download(report) {
  const { columns, rows, is_truncated: isTruncated } = await post(`/analytics/queries/${encodeURIComponent(report.query)}/run`);
  saveFile(new Blob([csvOf(columns.map((each) => each.name), rows)], { type: "text/csv" }), `${report.name}.csv`);
  return `${number(rows.length)} rows as of now${isTruncated ? ", and there are more" : ""}.`;
}
