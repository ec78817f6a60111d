/** What the listener keeps from the changes: complete, building or failed. */

import { get, post } from "../api.js";
import { actionButton } from "../dialog.js";
import { badge, make } from "../dom.js";
import { duration, number, since } from "../format.js";
import { livePanel } from "../panels.js";
import { table } from "../tables.js";

const REFRESH_MS = 3000;

export function effectsPanel(page) {
  const effects = livePanel(page, {
    title: "Effects",
    every: REFRESH_MS,
    load: (signal) => get("/changes/effects", { signal }),
    show: (found) => table("Effects", [
      { title: "Effect", cell: (each) => each.name },
      { title: "State", cls: "text", cell: stateOf },
      { title: "Built", cell: builtOf },
      { title: "Lag", cls: "number", cell: (each) => (each.kind === "immediate" ? "with the listener" : duration(each.lag_s)) },
      { title: "Failures", cls: "number wide", cell: (each) => number(each.failures) },
      { title: "", cls: "row-actions", cell: (each) => rebuildButton(each, effects) },
    ], found, { isStacked: true }),
  });
  return effects;
}

function stateOf(effect) {
  return [badge(effect.state), effect.error && make("p", { class: "cause" }, effect.error)];
}

function builtOf({ users, users_of: of, built_at: at }) {
  if (users === null || users === undefined) return since(at);
  return [make("progress", { max: Math.max(1, of), value: users, "aria-label": "Progress of the build" }),
    make("small", {}, `${number(users)} of about ${number(of)} users`)];
}

function rebuildButton(effect, effects) {
  return actionButton({
    label: "Rebuild",
    needs: "admin",
    key: `rebuild ${effect.name}`,
    ask: { title: `Rebuild ${effect.name}?`, text: "It is built again from all users while changes go on. Its present results are read meanwhile." },
    run: async () => {
      await post(`/changes/effects/${encodeURIComponent(effect.name)}/rebuild`);
      await effects.refresh();
      return `The rebuild of ${effect.name} has begun.`;
    },
  });
}
