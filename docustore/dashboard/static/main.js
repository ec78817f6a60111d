/** The start of the page: its frame, its views, and the figures that all of them share. */

import { goToLogin } from "./api.js";
import { prepareThemeButton } from "./theme_button.js";
import { problemBox } from "./states.js";
import { startRouter } from "./router.js";
import { keepSummaryFresh, refreshSummary } from "./summary.js";
import { adminOnly } from "./views/admin_only.js";
import { alertsView } from "./views/alerts.js";
import { changesView } from "./views/changes.js";
import { analyticsView } from "./views/analytics.js";
import { overviewView } from "./views/overview.js";
import { qualityView } from "./views/quality.js";
import { queriesView, savedQueryView } from "./views/queries.js";
import { quarantineView } from "./views/quarantine.js";
import { quarantinedRecordView } from "./views/quarantined_record.js";
import { reportView } from "./views/report.js";
import { reportsView } from "./views/reports.js";
import { ruleView } from "./views/rule.js";
import { runView } from "./views/run.js";
import { runsView } from "./views/runs.js";
import { sourcesView } from "./views/sources.js";
import { unknownView } from "./views/unknown.js";
import { userView } from "./views/user.js";
import { usersView } from "./views/users.js";
import { webhookView } from "./views/webhook.js";
import { webhooksView } from "./views/webhooks.js";

const ROUTES = {
  "": overviewView,
  alerts: alertsView,
  users: usersView,
  "users/*": userView,
  sources: sourcesView,
  runs: runsView,
  "runs/*": runView,
  quarantine: quarantineView,
  "quarantine/*": quarantinedRecordView,
  changes: changesView,
  quality: qualityView,
  "quality/*": ruleView,
  analytics: analyticsView,
  queries: queriesView,
  "queries/*": savedQueryView,
  reports: adminOnly("Reports", reportsView),
  "reports/*": adminOnly("Report", reportView),
  webhooks: adminOnly("Webhooks", webhooksView),
  "webhooks/*": adminOnly("Webhook", webhookView),
  unknown: unknownView,
};

const content = document.getElementById("content");

async function start() {
  try {
    // The scope of the session decides what the first view offers.
    await refreshSummary();
  } catch (error) {
    content.replaceChildren(problemBox(error, { retry: start }));
    return;
  }
  startRouter(content, ROUTES);
  window.setTimeout(keepSummaryFresh, 3000);
}

document.querySelector(".skip").addEventListener("click", (event) => {
  // The fragment of the address names the view, so the link cannot name the content.
  event.preventDefault();
  content.focus();
});

document.getElementById("logout").addEventListener("click", async () => {
  await fetch("/logout", { method: "POST" });
  goToLogin({ comesBack: false });
});

document.getElementById("zone").textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
prepareThemeButton(document.getElementById("theme"));
start();
