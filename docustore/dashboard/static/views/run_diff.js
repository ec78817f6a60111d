/** What a dry run would change, field by field. */

import { get } from "../api.js";
import { badge, link, make } from "../dom.js";
import { number, shown } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { table } from "../tables.js";

export function diffPanel(page, id) {
  return livePanel(page, {
    title: "What it would change",
    load: (signal) => get(`/etl/runs/${id}/diff`, { signal }),
    show: ({ users, fields, samples }) => (samples.length ? [
      table("Fields that would change", [
        { title: "Outcome", cell: (outcome) => badge(outcome) },
        { title: "Users", cls: "number", cell: (outcome) => number(users[outcome]) },
        { title: "Fields", cls: "text", cell: (outcome) => Object.entries(fields[outcome] ?? {}).map(([name, count]) => `${name} ${number(count)}`).join(", ") },
      ], Object.keys(users)),
      make("h3", {}, "Examples"),
      samples.map((sample) => make("details", { "data-key": `${sample.outcome} ${sample.email}` },
        make("summary", {}, `${sample.outcome}: ${sample.email}`),
        sample.user_id && link("The user", `users/${sample.user_id}`),
        table("Fields", [
          { title: "Field", cell: (each) => make("code", {}, each.field) },
          { title: "Before", cls: "text before", cell: (each) => shown(each.before) },
          { title: "After", cls: "text after", cell: (each) => shown(each.after) },
        ], sample.fields))),
    ] : empty("Nothing would change", "Every record of the source is stored as it is, or older than what is stored.")),
  }).element;
}
