/** The quality of one user: what it violates, and what to do. */

import { get } from "../api.js";
import { badge, link, make, withCode } from "../dom.js";
import { plural } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";

const REFRESH_MS = 10_000;

export function userQualityPanel(page, path) {
  return livePanel(page, {
    title: "Quality",
    every: REFRESH_MS,
    load: async (signal) => {
      try {
        return await get(`${path}/quality`, { signal });
      } catch (error) {
        if (error.status !== 410) throw error;
        return null;
      }
    },
    show: (quality) => (quality ? qualityPart(quality) : empty("Not judged", "No rule concerns a deleted user.")),
  });
}

function qualityPart({ violated, rules }) {
  const of = (result) => rules.filter((rule) => rule.result === result);
  const passed = of("passed");
  const rest = [...of("not_evaluated"), ...of("unknown"), ...of("not_applicable")];
  return [
    make("p", { class: violated ? "verdict bad" : "verdict good" },
      violated ? `Violates ${plural(violated, "rule")}` : `Violates none of ${plural(rules.length, "rule")}`),
    make("ul", { class: "rules" }, of("violated").map((rule) => make("li", {},
      link(rule.title, `quality/${encodeURIComponent(rule.rule)}`),
      make("span", { class: "tag" }, `${rule.dimension}, ${rule.severity}`),
      make("p", { class: "note" }, withCode(rule.remedy))))),
    make("details", { "data-key": "other rules" }, make("summary", {}, `${plural(passed.length, "rule")} passed, ${rest.length} not judged`),
      make("ul", { class: "rules" }, [...rest, ...passed].map((rule) => make("li", {},
        badge(rule.result), " ", link(rule.title, `quality/${encodeURIComponent(rule.rule)}`))))),
  ];
}
