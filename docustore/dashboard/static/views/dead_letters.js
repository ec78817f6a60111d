/** The changes that could not be applied. */

import { get, post } from "../api.js";
import { actionButton } from "../dialog.js";
import { badge, link, make } from "../dom.js";
import { number, since } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { table } from "../tables.js";

const REFRESH_MS = 5000;

export function deadLettersPanel(page, refresh) {
  return livePanel(page, {
    title: "Dead letters",
    every: REFRESH_MS,
    load: (signal) => get("/changes/dead-letters", { signal }),
    show: (letters) => (letters.length ? table("Dead letters", [
      { title: "User", cell: (each) => link(each.user_id, `users/${encodeURIComponent(each.user_id)}`) },
      { title: "Change", cell: (each) => [each.operation, make("small", {}, since(each.at, { never: "" }))] },
      { title: "State", cell: (each) => badge(each.state) },
      { title: "Cause", cls: "text", cell: causeOf },
      { title: "Attempts", cls: "number wide", cell: (each) => number(each.attempts) },
      { title: "", cls: "row-actions", cell: (each) => letterButtons(each, refresh) },
    ], letters, { isStacked: true }) : empty("No dead letters", "Every change has been applied.")),
  });
}

function causeOf({ error, code, reason }) {
  const words = [error, code !== null && `code ${code}`, reason].filter(Boolean);
  return words.length ? words.join(": ") : "It waits for an earlier change of the same user.";
}

function letterButtons(letter, refresh) {
  const path = `/changes/dead-letters/${encodeURIComponent(letter.id)}`;
  const button = (label, ask) => actionButton({
    label, ask, needs: "admin", key: `${label} ${letter.id}`,
    run: async () => {
      await post(`${path}/${label.toLowerCase()}`);
      await refresh();
      return label === "Replay" ? "The listener applies it now." : "Skipped: history will not have this change.";
    },
  });
  return [
    letter.state === "failed" && button("Replay", null),
    ["failed", "held", "foreign"].includes(letter.state) && button("Skip", {
      title: "Give this change up?", isDangerous: true,
      text: "History will not have it. The next change of the user follows.",
    }),
  ];
}
