/** The deliveries of a webhook: each event with its state, its attempts and the last answer. */

import { get, post, query } from "../api.js";
import { actionButton } from "../dialog.js";
import { badge, link, make } from "../dom.js";
import { moment, number, since } from "../format.js";
import { select } from "../forms.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { longNote, moreButton, pagesOf, table, unlessLong } from "../tables.js";

const REFRESH_MS = 4000;
const PAGE = 20;
const STATES = { "": "all states", pending: "pending", failed: "given up", delivered: "delivered" };

export function deliveriesPanel(page, path) {
  let limit = PAGE;
  const state = select("state", STATES, "", { "aria-label": "State of the deliveries", "data-key": "delivery state" });
  const list = livePanel(page, {
    title: "Deliveries",
    actions: [state],
    every: unlessLong(REFRESH_MS, () => limit),
    load: (signal) => pagesOf((cursor, size) => get(`${path}/deliveries${query({ state: state.value, limit: size, cursor })}`, { signal }), limit),
    show: ({ items, hasMore }) => (items.length
      ? [longNote(limit, () => list.refresh()), deliveriesTable(items, path, list.refresh), moreButton(hasMore, () => { limit += PAGE; return list.refresh(); })]
      : empty("No deliveries", "Delivered changes are kept for a week, given up ones for 30 days.")),
  });
  state.addEventListener("change", () => {
    limit = PAGE;
    list.refresh();
  });
  return list;
}

function deliveriesTable(items, path, refresh) {
  return table("Deliveries", [
    { title: "Number", cell: (each) => number(each.number) },
    { title: "Change", cls: "key", cell: (each) => [badge(each.operation), " of ", link(each.user_id, `users/${encodeURIComponent(each.user_id)}`), make("small", {}, moment(each.at))] },
    { title: "State", cls: "text", cell: stateOf },
    { title: "Attempts", cls: "number", cell: (each) => number(each.attempts) },
    { title: "", cls: "row-actions", cell: (each) => actionButton({
      label: "Replay",
      needs: "admin",
      key: `replay ${each.number}`,
      run: async () => {
        await post(`${path}/deliveries/${each.number}/replay`);
        await refresh();
        return `Change ${number(each.number)} is delivered once more.`;
      },
    }) },
  ], items, { isStacked: true });
}

function stateOf({ state, last, due_at: due, done_at: done }) {
  return [
    badge(state, state === "failed" ? "given up" : state), make("small", {}, since(done ?? last?.at, { never: "" })),
    last?.error && make("p", { class: "cause" }, last.error),
    last?.error && due && make("small", {}, "next attempt ", since(due)),
  ];
}
