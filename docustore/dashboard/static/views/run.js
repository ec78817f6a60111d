/** One run: how far it is, what it counted, why it failed, and what can be done about it. */

import { post } from "../api.js";
import { actionButton } from "../dialog.js";
import { badge, facts, link, make, replaceParts } from "../dom.js";
import { duration, moment, momentSince, number } from "../format.js";
import { panel } from "../panels.js";
import { loading, longText, notice, problemBox } from "../states.js";
import { followRun } from "./follow_run.js";
import { quarantineList } from "./quarantine_list.js";
import { countsPart, progressPart } from "./run_counts.js";
import { diffPanel } from "./run_diff.js";
import { guardParts } from "./run_guards.js";
import { kindOf } from "./runs_table.js";

export function runView(page, id) {
  page.show({ title: "Run", back: { view: "runs", text: "Runs" } });
  const body = make("div", { class: "stack-parts", id: "run" }, loading());
  const below = make("div", { class: "stack-parts" });
  page.root.append(body, below);
  let isFinished = null;
  let following = null;

  const show = (run) => {
    page.rename(`Run of ${run.source}`);
    replaceParts(page.actions, buttons(run, follow));
    replaceParts(body, runParts(run));
    // What a run leaves behind is read once it is there.
    const isNow = Boolean(run.finished_at);
    if (isNow !== isFinished) {
      isFinished = isNow;
      replaceParts(below, leftovers(page, run));
    }
  };
  function follow() {
    following?.abort();
    following = new AbortController();
    page.signal.addEventListener("abort", () => following.abort());
    followRun(id, show, (error) => replaceParts(body, problemBox(error, { retry: follow })), following.signal);
  }
  follow();
}

/** Why a run ended before its end: a person who cancels it meets no error. */
function endPanel(run) {
  const isCancelled = run.state === "cancelled";
  return panel({ title: isCancelled ? "Why it ended" : "Error", cls: isCancelled ? "" : "bad", level: "h2" }, longText(run.error));
}

function runParts(run) {
  return [
    run.error && endPanel(run),
    ...guardParts(run),
    run.waits_for.length > 0 && notice("wait", `It waits for the success of ${run.waits_for.join(", ")}.`),
    run.progress && panel({ title: "Progress" }, progressPart(run)),
    make("div", { class: "split even" }, panel({ title: "Run" }, runFacts(run)), panel({ title: "Records" }, countsPart(run))),
  ];
}

function runFacts(run) {
  const { window, watermark } = run;
  return facts([
    ["State", badge(run.state)],
    ["Source", link(run.source, "sources")],
    ["Started by", kindOf(run)],
    run.slot && ["Slot", moment(run.slot)],
    ["Created", momentSince(run.created_at)],
    ["Started", momentSince(run.started_at, { never: "not yet" })],
    ["Ended", momentSince(run.finished_at, { never: "not yet" })],
    ["Took", duration(run.duration_s)],
    ["Speed", run.records_per_s ? `${number(Math.round(run.records_per_s))} records/s` : "–"],
    ["Attempts", number(run.attempts)],
    ["Window", [window.since ? moment(window.since) : "the beginning", " to ", window.until ? moment(window.until) : "its end"]],
    ["Watermark", [watermark.before ? moment(watermark.before) : "none", " → ", watermark.after ? moment(watermark.after) : "not moved"]],
    ["Id", make("code", {}, run.id)],
  ]);
}

function leftovers(page, run) {
  const records = quarantineList(page, { filters: { run: run.id }, title: "Quarantined records of this run" });
  return [run.dry_run && run.finished_at && run.state === "succeeded" && diffPanel(page, run.id), records.element];
}

function buttons(run, follow) {
  const act = (label, ask, path, { needs = "write", opens = false, cls = "" } = {}) => actionButton({
    label, ask, needs, cls,
    run: async (values) => {
      const found = await post(`/etl/runs/${run.id}/${path}`, Object.keys(values).length ? values : undefined);
      if (opens) window.location.hash = `#/runs/${found.id}`;
      else follow();
      return opens ? "Approved: a new run makes the change." : `Done: ${label.toLowerCase()}.`;
    },
  });
  const isOpen = run.state === "due" || run.state === "running";
  return [
    isOpen && act("Cancel run", { title: "Cancel this run?", text: "The records that it loaded stay. The watermark does not move, so the next run reads its window again.", isDangerous: true, dismiss: "Let it run" }, "cancel"),
    run.needs_approval && act("Approve", { title: "Let this change through?", text: ["A new run reads the same window and makes the change that is listed here, and no greater one."] }, "approve", { needs: "admin", opens: true, cls: "primary" }),
    run.needs_approval && act("Reject", { title: "Reject this change?", text: "The run can then not be approved any more. The next run reads the same records again.", isDangerous: true, fields: [{ name: "reason", label: "Reason" }] }, "reject", { needs: "admin" }),
    !isOpen && actionButton({
      label: "Run again",
      ask: { title: `Start a run of ${run.source}?`, text: "It reads what has changed since the watermark." },
      run: async () => {
        const found = await post("/etl/trigger", { source: run.source });
        window.location.hash = `#/runs/${found.id}`;
        return "Started.";
      },
    }),
  ].filter(Boolean);
}
