/** One webhook: whether it takes the changes, what it answered, and its levers. */

import { ask, get, post } from "../api.js";
import { actionButton, adminButtons } from "../dialog.js";
import { badge, facts, make, replaceParts } from "../dom.js";
import { duration, momentSince, number } from "../format.js";
import { livePanel } from "../panels.js";
import { longText, notice } from "../states.js";
import { deliveriesPanel } from "./webhook_deliveries.js";
import { webhookBody, webhookFields } from "./webhook_form.js";
import { secretTold } from "./secret.js";
import { stateOf } from "./webhooks.js";

const REFRESH_MS = 4000;
const REASONS = {
  operator: "someone paused it",
  gone: "it answered that it is gone (410)",
  failing: "it took nothing for five days",
  backlog: "too many changes waited for it",
};

export function webhookView(page, id) {
  const path = `/webhooks/${encodeURIComponent(id)}`;
  page.show({ title: "Webhook", back: { view: "webhooks", text: "Webhooks" } });
  const figures = livePanel(page, {
    title: "Webhook",
    every: REFRESH_MS,
    load: (signal) => get(path, { signal }),
    show: (webhook) => {
      page.rename(webhook.description || webhook.url);
      replaceParts(page.actions, buttons(webhook, path, refresh));
      return webhookPart(webhook);
    },
  });
  const deliveries = deliveriesPanel(page, path);
  page.root.append(figures.element, deliveries.element);
  async function refresh() {
    await Promise.all([figures.refresh(), deliveries.refresh()]);
  }
}

function webhookPart(webhook) {
  const { disabled, replay } = webhook;
  const list = (names) => names.join(", ") || "all";
  return [
    disabled && notice("wait", "Paused since ", momentSince(disabled.at), `: ${REASONS[disabled.reason] ?? disabled.reason}. The last change before it has the number ${number(disabled.after_number)}.`),
    replay && notice("wait", `Past changes are delivered once more: ${number(replay.done)} of ${number(replay.until)}.`),
    webhook.last_error && [make("p", { class: "label" }, "Last error"), longText(webhook.last_error)],
    facts([
      ["Address", webhook.url],
      ["State", badge(stateOf(webhook))],
      webhook.failing_since && ["Failing since", momentSince(webhook.failing_since)],
      ["Waiting", [number(webhook.pending), webhook.oldest_s !== null && make("small", {}, `the oldest for ${duration(webhook.oldest_s)}`)]],
      ["Delivered", number(webhook.delivered)],
      ["Given up", number(webhook.failed)],
      ["Changes", list(webhook.operations)],
      ["Fields", list(webhook.fields)],
      ["Statuses", list(webhook.statuses)],
      ["Created", momentSince(webhook.created_at)],
      webhook.old_secret_ends_at && ["The old secret ends", momentSince(webhook.old_secret_ends_at)],
      ["Id", make("code", {}, webhook.id)],
    ]),
  ];
}

function buttons(webhook, path, refresh) {
  const act = adminButtons(refresh);
  return [
    webhook.is_enabled ? act("Pause", { title: "Pause this webhook?", text: "What waits stays. Changes from now on are not noted for it; they can be delivered when it is resumed." },
      async () => { await post(`${path}/disable`); return "Paused."; })
      : act("Resume", { title: "Resume this webhook?", text: "What waited is delivered, and new changes.", fields: [{ name: "missed", label: "Also deliver what happened while it was paused", type: "checkbox" }] },
        async ({ missed }) => { await post(`${path}/enable`, { replay_missed: missed }); return "Resumed."; }, "primary"),
    act("Send a test", null, async () => testWords(await post(`${path}/test`))),
    act("Replay", { title: "Deliver past changes once more?", text: "They keep their order and their numbers, which the receiver may know. Newer changes follow them.",
      fields: [{ name: "since", label: "After number", type: "number", min: "0", value: "0" }, { name: "until", label: "Up to number", type: "number", min: "1", isRequired: false, hint: "Empty: up to the latest." }] },
    async ({ since, until }) => {
      const range = await post(`${path}/replay`, { since: Number(since), until: until === "" ? null : Number(until) });
      return `The changes ${number(range.since + 1)} to ${number(range.until)} are delivered once more.`;
    }),
    act("Edit", { title: "Change address and filter", text: "Secret, state and waiting changes stay.", fields: webhookFields(webhook) },
      async (values) => { await ask(path, { method: "PUT", body: webhookBody(values) }); return "Changed."; }),
    act("Rotate secret", { title: "Make a new secret?", text: "Until the old one ends, messages have a signature of each.", fields: [{ name: "overlap", label: "Hours until the old one ends", type: "number", min: "0", max: "336", value: "24" }] },
      async ({ overlap }) => secretTold("The secret is replaced", (await post(`${path}/rotate-secret`, { overlap_h: Number(overlap) })).secret)),
    actionButton({ label: "Delete", needs: "admin", ask: { title: "Delete this webhook?", isDangerous: true, text: "Its secrets and its deliveries are deleted, too. This cannot be undone." },
      run: async () => {
        await ask(path, { method: "DELETE" });
        window.location.hash = "#/webhooks";
        return "Deleted.";
      } }),
  ].filter(Boolean);
}

function testWords({ status, error, duration_s: took }) {
  return error ? `Not taken: ${error}${status ? ` (${status})` : ""}.` : `Taken with ${status} after ${duration(took)}.`;
}
