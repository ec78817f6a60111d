/** The first view: how many users, is everything current, what went wrong lately. */

import { chart, shareBars } from "../charts.js";
import { badge, facts, link, make, replaceParts } from "../dom.js";
import { number, percent, since } from "../format.js";
import { panel } from "../panels.js";
import { empty } from "../states.js";
import { delayOf, followSummary, listenerWords } from "../summary.js";
import { noUsers } from "./no_users.js";
import { runsTable } from "./runs_table.js";
import { trendPoints, trendTitle } from "./trend.js";

export function overviewView(page) {
  const parts = {
    users: panel({ title: "Users", cls: "span-6" }),
    listener: panel({ title: "Change listener", cls: "span-3" }),
    last: panel({ title: "Last run", cls: "span-3" }),
    trend: panel({ title: "Registrations", cls: "span-8" }),
    quarantine: panel({ title: "Quarantine by reason", cls: "span-4" }),
    runs: panel({ title: "Latest runs", cls: "span-12", actions: [link("All runs", "runs")] }),
  };
  page.show({ title: "Overview" }, make("div", { class: "grid" }, Object.values(parts)));
  const shown = {};
  const write = (name, data, make_) => {
    const text = JSON.stringify(data);
    if (shown[name] === text) return;
    shown[name] = text;
    let body = parts[name].querySelector(".panel-body");
    if (!body) parts[name].append(body = make("div", { class: "panel-body" }));
    replaceParts(body, make_(data));
  };
  followSummary(page, (summary) => {
    write("users", summary.users, usersPart);
    write("listener", summary.changes, listenerPart);
    write("last", [summary.last_run, summary.runs[0]], lastPart);
    write("trend", summary.trend, trendPart);
    write("quarantine", summary.quarantine, quarantinePart);
    write("runs", summary.runs, (runs) => runsTable(runs, { isShort: true }));
  });
}

function usersPart({ total_users: total, status_distribution: shares }) {
  const entries = Object.entries(shares);
  const stack = entries.filter(([, count]) => count > 0).map(([status, count]) => {
    const part = make("span", { class: status });
    part.style.width = `${(100 * count) / total}%`;
    return part;
  });
  return [
    make("p", { class: "figure", id: "total" }, number(total)),
    make("div", { class: "stack", "aria-hidden": "true" }, stack),
    make("dl", { class: "legend", id: "statuses" }, entries.map(([status, count]) =>
      make("div", { class: status }, make("dt", {}, link(status, `users?status=${encodeURIComponent(status)}`)),
        make("dd", {}, number(count), make("small", {}, percent(count / Math.max(1, total))))))),
    total === 0 && noUsers("The figures begin with the first user."),
  ];
}

function listenerPart(changes) {
  return [
    make("p", { class: "figure small", id: "lag" }, listenerWords(changes)),
    facts([
      ["State", badge(changes.state)],
      ["Changes applied", number(changes.applied)],
      changes.snapshot_rows > 0 && ["By comparison", number(changes.snapshot_rows)],
      ["Heartbeat", since(changes.heartbeat_at)],
      changes.dead_letters > 0 && ["Dead letters", link(number(changes.dead_letters), "changes")],
    ], "compact"),
    changes.last_error && make("p", { class: "cause" }, changes.last_error.message),
    delayOf(changes) && make("p", { class: "note" }, delayOf(changes)),
  ];
}

function lastPart([last, latest]) {
  const isRunning = latest && !latest.finished_at;
  if (!last) return empty(isRunning ? "A run is on its way" : "No run yet", "Start one at a source.", link("Sources", "sources"));
  return [
    make("p", { class: "figure small" }, since(last.finished_at)),
    facts([
      ["Outcome", [badge(last.state), ", ", link(last.source, `runs/${last.id}`)]],
      ["Read", number(last.counts.read)],
      ["Changed", number(last.counts.inserted + last.counts.updated + last.counts.deactivated)],
      ["Speed", last.records_per_s ? `${number(Math.round(last.records_per_s))} records/s` : "–"],
    ], "compact"),
    last.error && make("p", { class: "cause" }, last.error),
  ];
}

function trendPart(trend) {
  if (!trend.bars.length) return empty("No registrations", "The chart appears with the first user whose registration time is known.");
  return [make("p", { class: "note" }, trendTitle(trend)),
    chart({ label: "Registrations", points: trendPoints(trend) })];
}

function quarantinePart(reasons) {
  if (!reasons.length) return empty("No open records", "Every record that was read has been loaded or resolved.");
  return shareBars(reasons.slice(0, 7).map(({ code, pointer, records }) => ({
    name: link(code.replaceAll("_", " "), `quarantine?code=${encodeURIComponent(code)}`),
    note: pointer.slice(1).replaceAll("/", "."),
    value: records,
  })), { tone: "warn" });
}
