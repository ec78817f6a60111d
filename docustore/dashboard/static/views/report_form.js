/** The fields of a report: which saved query, when, and where its rows go. */

import { get } from "../api.js";
import { words } from "../forms.js";

const FORMATS = { csv: "CSV", html: "HTML" };
// A browser reads it with the flag v, in which a dash needs the stroke.
const NAME = "[a-z0-9][a-z0-9_\\-]{0,63}";
const NAME_HINT = "a-z, 0-9, - and _.";

export function nameField(value = "") {
  return { name: "name", label: "Name", value, pattern: NAME, title: NAME_HINT, maxlength: "64", hint: NAME_HINT };
}

/** The question about a new report; it offers the queries that are saved. */
export async function newReportFields() {
  const queries = await savedNames();
  return {
    title: "Create a report",
    text: queries.length ? "It answers a saved query by a schedule and sends the rows." : "There is no saved query yet. Save one in the view Queries first.",
    fields: [nameField(), ...reportFields({}, queries)],
  };
}

/** The question about a change of a report. */
export async function changedReportFields(report) {
  return { title: `Change ${report.name}`, text: "The secret of its webhook stays.", fields: reportFields(report, await savedNames()) };
}

async function savedNames() {
  return (await get("/analytics/queries")).map(({ name }) => name);
}

function reportFields(report, queries) {
  return [
    { name: "query", label: "Saved query", value: report.query, options: Object.fromEntries(queries.map((each) => [each, each])) },
    { name: "schedule", label: "Schedule", value: report.schedule ?? "daily", maxlength: "100", hint: "hourly, daily, weekly, monthly, every 6h, or a cron expression such as 0 7 * * 1." },
    { name: "timezone", label: "Time zone", value: report.timezone ?? "UTC", maxlength: "64" },
    { name: "format", label: "Format", value: report.format, options: FORMATS },
    { name: "webhook_url", label: "Webhook address", type: "url", value: report.webhook_url ?? "", isRequired: false, maxlength: "2000", hint: "Either this, or addresses of mail." },
    { name: "mail_to", label: "Mail to", value: (report.mail_to ?? []).join(", "), isRequired: false, maxlength: "5000", hint: "Separated by commas." },
  ];
}

export function reportBody({ webhook_url: url, mail_to: mail, ...values }) {
  return { ...values, webhook_url: url || null, mail_to: words(mail) };
}
