/** The messages of alerts: which address took them, which refused them and why. */

import { get, post } from "../api.js";
import { actionButton } from "../dialog.js";
import { badge, make } from "../dom.js";
import { moment, number, plural, since } from "../format.js";
import { select } from "../forms.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { table } from "../tables.js";
import { factPart, words } from "./alert.js";

const REFRESH_MS = 10_000;
const STATES = { "": "all states", pending: "pending", failed: "failed", delivered: "delivered" };

export function messagesPanel(page) {
  const state = select("state", STATES, "", { "aria-label": "State of the messages", "data-key": "message state" });
  const retry = actionButton({
    label: "Retry undelivered",
    needs: "admin",
    run: async () => {
      const { messages } = await post("/alerts/messages/retry");
      await list.refresh();
      return `${plural(messages, "message")} will be sent within a quarter of a minute.`;
    },
  });
  const list = livePanel(page, {
    title: "Messages",
    actions: [state, retry],
    every: REFRESH_MS,
    load: (signal) => get(`/alerts/messages?limit=50${state.value && `&state=${state.value}`}`, { signal }),
    show: (messages) => (messages.length ? table("Messages", [
      { title: "Message", cls: "text", cell: messagePart },
      { title: "Sent", cell: (each) => since(each.at) },
      { title: "State", cell: (each) => badge(each.state) },
      { title: "Attempts", cls: "number wide", cell: (each) => number(each.attempts) },
      { title: "Addresses", cls: "text", cell: addressesPart },
    ], messages, { isStacked: true })
      : empty("No messages", "An alert is sent to the addresses in `DOCUSTORE_ALERT_URLS`. `docustore alerts test` sends a test message.")),
  });
  state.addEventListener("change", () => list.refresh());
  return list;
}

function messagePart({ id, event, facts }) {
  return [event, make("details", { "data-key": `message ${id}` }, make("summary", {}, "What it says"),
    make("ul", { class: "reasons" }, Object.entries(facts).map(([name, value]) =>
      make("li", {}, make("span", { class: "label" }, `${words(name)}: `), factPart(value)))))];
}

function addressesPart({ deliveries, next_attempt_at: next }) {
  return [
    deliveries.length ? make("ul", { class: "reasons" }, deliveries.map(({ place, at, error }) => make("li", {},
      make("code", {}, place), error ? make("p", { class: "cause" }, error) : [" took it ", moment(at)]))) : "not tried yet",
    next && deliveries.length > 0 && make("small", {}, "next attempt ", since(next)),
  ];
}
