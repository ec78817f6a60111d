/** Users in figures: registrations by time and value, shares, cohorts, ages. */

import { make, replaceParts } from "../dom.js";
import { now } from "../format.js";
import { followSummary } from "../summary.js";
import { agesPanel, cohortsPanel, transitionsPanel } from "./cohorts.js";
import { DIMENSIONS, distributionsPanel } from "./distributions.js";
import { noUsers } from "./no_users.js";
import { cohortsOf, PERIODS, periodOf } from "./period.js";
import { registrationsPanel } from "./registrations.js";

export function analyticsView(page) {
  const value = (name, fallback) => page.query.get(name) ?? fallback;
  const select = (name, label, texts, chosen) => make("label", { class: "filter" }, label,
    make("select", { name }, Object.entries(texts).map(([each, text]) =>
      make("option", { value: each, selected: each === chosen }, text))));
  const form = make("form", { class: "filters" },
    select("period", "Period", PERIODS, value("period", "auto")),
    select("dimension", "Registrations by", { "": "all users", ...DIMENSIONS }, value("dimension", "")),
    select("compare", "Beside", { "": "nothing", previous: "the period before" }, value("compare", "")));
  const body = make("div", { class: "grid" });
  page.show({ title: "Analytics" }, form, body);
  let panels = null;
  let trend = null;

  /** What the panels ask for: read at each request, so that a choice only needs a refresh. */
  function asked() {
    const { period, dimension, compare } = Object.fromEntries(new FormData(form));
    return { ...periodOf(period, trend, now()), dimension, compare };
  }

  const cohortRange = () => cohortsOf(form.elements.period.value, trend, now());

  followSummary(page, ({ users, trend: found }) => {
    trend = found;
    if (panels) return;
    if (!users.total_users || !trend.bars.length) {
      replaceParts(body, make("div", { class: "panel span-12" },
        noUsers("The figures begin with the first user whose registration is known.")));
      return;
    }
    panels = [registrationsPanel(page, asked), transitionsPanel(page, asked), agesPanel(page), cohortsPanel(page, cohortRange),
      distributionsPanel(page)];
    replaceParts(body, panels.map(({ element }) => element));
  });
  form.addEventListener("change", () => {
    const values = Object.fromEntries(new FormData(form));
    page.setQuery({ ...values, period: values.period === "auto" ? "" : values.period });
    for (const panel of panels ?? []) panel.refresh();
  });
}
