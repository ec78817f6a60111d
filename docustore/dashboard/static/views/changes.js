/** The change listener: is it current, what stopped it, what it could not apply, and its levers. */

import { get, post } from "../api.js";
import { actionButton } from "../dialog.js";
import { badge, facts, make, replaceParts } from "../dom.js";
import { duration, number, since } from "../format.js";
import { livePanel, panel } from "../panels.js";
import { can } from "../session.js";
import { longText, notice } from "../states.js";
import { listenerWords } from "../summary.js";
import { table } from "../tables.js";
import { deadLettersPanel } from "./dead_letters.js";
import { effectsPanel } from "./effects.js";
import { gapsPanel } from "./gaps.js";

const REFRESH_MS = 3000;

export function changesView(page) {
  const status = livePanel(page, {
    title: "Listener",
    every: REFRESH_MS,
    load: (signal) => get("/changes/status", { signal }),
    show: (found) => {
      replaceParts(page.actions, buttons(found, refresh));
      return statusPart(found);
    },
  });
  const effects = effectsPanel(page);
  const letters = can("admin") ? deadLettersPanel(page, refresh)
    : { element: panel({ title: "Dead letters" }, make("p", { class: "note" }, "They need a key of the scope admin.")), refresh() {} };
  const gaps = gapsPanel(page);
  page.show({ title: "Changes" }, make("div", { class: "stack-parts" }, status.element, effects.element, letters.element, gaps.element));
  async function refresh() {
    await Promise.all([status, effects, letters, gaps].map((each) => each.refresh()));
  }
}

function statusPart(status) {
  const { last_error: error, partitions } = status;
  return [
    status.warnings.map((text) => notice("stale", text)),
    error && [make("p", { class: "label" }, `What stopped it, `, since(error.at), `: ${error.error}`), longText(error.message)],
    make("p", { class: "figure small", id: "listener-state" }, listenerWords(status)),
    facts([
      ["State", badge(status.state)],
      ["Lag", duration(status.lag_s)],
      ["Changes applied", number(status.applied)],
      ["Rows by comparison", number(status.snapshot_rows)],
      ["Read later than the change", number(status.approximate_rows)],
      ["Dead letters", number(status.dead_letters)],
      ["Gaps on record", number(status.gaps)],
      ["Heartbeat", since(status.heartbeat_at)],
      ["Oplog reaches back", duration(status.oplog_headroom_s)],
      ["Runs as", status.owner ?? "no listener runs"],
    ]),
    partitions.length > 1 && table("Partitions", [
      { title: "Partition", cell: (each) => String(each.partition) },
      { title: "State", cell: (each) => badge(each.state) },
      { title: "Lag", cls: "number", cell: (each) => duration(each.lag_s) },
      { title: "Heartbeat", cell: (each) => since(each.heartbeat_at) },
      { title: "Runs as", cls: "text wide", cell: (each) => each.owner ?? "–" },
    ], partitions),
  ];
}

function buttons(status, refresh) {
  const control = (label, path, ask, { body, done = `Done: ${label.toLowerCase()}.`, cls } = {}) => actionButton({
    label, ask, cls, needs: "admin",
    run: async () => {
      const found = await post(`/changes/${path}`, body);
      await refresh();
      return typeof done === "function" ? done(found) : done;
    },
  });
  return [
    status.state === "paused" ? control("Resume", "resume", null, { cls: "primary" }) : control("Pause", "pause", {
      title: "Pause the listener?",
      text: "History, figures, quality and webhooks stand still until someone resumes it. The oplog must reach back to the position by then.",
    }),
    control("Verify", "verify", null, { body: {}, done: verified }),
    control("Start anew", "reset", {
      title: "Start the listener anew?",
      isDangerous: true,
      text: "It leaves its position, with a gap on record, and compares every user with history. It is the way out of every stop.",
    }, { body: { to: "snapshot" } }),
  ].filter(Boolean);
}

function verified({ differences, users, is_complete: isComplete }) {
  if (!differences.length && isComplete) return `No difference, over ${number(users)} users.`;
  if (!isComplete && !differences.length) return "Not finished in time: run `docustore changes verify`.";
  return `Differences: ${differences.join("; ")}.`;
}
