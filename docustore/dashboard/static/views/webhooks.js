/** The webhooks: who is told of changes, and whether they take them. */

import { get, post } from "../api.js";
import { actionButton } from "../dialog.js";
import { badge, link, make } from "../dom.js";
import { duration, number } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { table } from "../tables.js";
import { secretTold } from "./secret.js";
import { webhookBody, webhookFields } from "./webhook_form.js";

const REFRESH_MS = 5000;

export function webhooksView(page) {
  const list = livePanel(page, {
    title: "Oldest first",
    every: REFRESH_MS,
    load: (signal) => get("/webhooks", { signal }),
    show: (webhooks) => (webhooks.length ? table("Webhooks", [
      { title: "Address", cls: "key", cell: (each) => [link(each.url, `webhooks/${encodeURIComponent(each.id)}`), each.description && make("small", {}, each.description)] },
      { title: "State", cls: "text", cell: (each) => [badge(stateOf(each)), each.last_error && make("p", { class: "cause" }, each.last_error)] },
      { title: "Waiting", cls: "number", cell: (each) => [number(each.pending), each.oldest_s !== null && make("small", {}, `for ${duration(each.oldest_s)}`)] },
      { title: "Delivered", cls: "number wide", cell: (each) => number(each.delivered) },
      { title: "Given up", cls: "number wide", cell: (each) => number(each.failed) },
    ], webhooks, { isStacked: true }) : empty("No webhooks", "A webhook gets a signed message for every change of a user. Create the first one.")),
  });
  page.show({ title: "Webhooks", actions: [createButton(list)].filter(Boolean) }, list.element);
}

export function stateOf({ is_enabled: isEnabled, failing_since: failing }) {
  if (!isEnabled) return "paused";
  return failing ? "failing" : "enabled";
}

function createButton(list) {
  return actionButton({
    label: "Create",
    needs: "admin",
    cls: "primary",
    ask: {
      title: "Create a webhook?",
      text: "Its address gets a signed message for every change that passes the filter.",
      fields: [...webhookFields(), { name: "since", label: "Also past changes, after number", type: "number", min: "0", isRequired: false, hint: "Empty: only new changes. 0: all of history." }],
    },
    run: async ({ since, ...values }) => {
      const { secret, webhook } = await post("/webhooks", { ...webhookBody(values), since: since === "" ? null : Number(since) });
      await list.refresh();
      return secretTold("The webhook is created", secret, `Messages go to ${webhook.url}.`);
    },
  });
}
