/** The sources: when each one runs next, how its last run ended, and its levers. */

import { get, post } from "../api.js";
import { actionButton } from "../dialog.js";
import { badge, facts, link, make } from "../dom.js";
import { moment, momentSince, number, since } from "../format.js";
import { livePanel, panel } from "../panels.js";
import { empty, longText, notice } from "../states.js";

const REFRESH_MS = 3000;
// They change with every answer; the page counts the seconds itself.
const AGES = ["freshness_s", "watermark_lag_s"];

export function sourcesView(page) {
  const list = livePanel(page, {
    title: "Configured sources",
    cls: "bare",
    every: REFRESH_MS,
    load: async (signal) => (await get("/etl/sources", { signal })).map((source) =>
      Object.fromEntries(Object.entries(source).filter(([name]) => !AGES.includes(name)))),
    show: (sources) => (sources.length ? make("div", { class: "stack-parts" }, sources.map((source) => sourcePart(source, list.refresh)))
      : empty("No source is configured", "Run `docustore etl init FILE_OR_URL --write`, or add a table [sources.NAME] to docustore.toml; then restart the service.")),
  });
  page.show({ title: "Sources" }, list.element);
}

function sourcePart(source, refresh) {
  const { name, pause } = source;
  return panel({ title: name, actions: buttons(source, refresh), cls: "source" },
    source.held_run && notice("wait", "A run waits for a person. ", link("See its change, then approve or reject it", `runs/${source.held_run}`)),
    pause && notice("wait", `Paused${pause.by ? ` by ${pause.by}` : ""} `, since(pause.at, { never: "" }), pause.reason ? `: ${pause.reason}` : ". No reason was given."),
    source.waiting_run && notice("wait", link("A run", `runs/${source.waiting_run}`), ` waits for ${source.waits_for.join(", ")}.`),
    source.is_overdue && notice("bad", "Overdue since ", moment(source.overdue_at), ": no run has succeeded in time."),
    source.last_error && [make("p", { class: "label" }, "Why its last run failed"), longText(source.last_error)],
    facts([
      ["Kind", source.kind],
      ["Schedule", `${source.schedule}${source.schedule.includes(" ") ? `, ${source.timezone}` : ""}`],
      ["Next run", source.running_run ? link("running now", `runs/${source.running_run}`)
        : source.next_slot ? momentSince(source.next_slot) : pause ? "paused" : "only by hand"],
      ["Last success", momentSince(source.last_success_at)],
      ["Last run", source.last_state ? badge(source.last_state) : "none yet"],
      ["Watermark", source.watermark ? momentSince(source.watermark) : "none: the next run reads everything"],
      source.after.length > 0 && ["After", source.after.join(", ")],
      ["Open quarantine", source.open_quarantine ? link(number(source.open_quarantine), `quarantine?source=${encodeURIComponent(name)}`) : "0"],
      ["Runs", link("all runs", `runs?source=${encodeURIComponent(name)}`)],
    ]));
}

function buttons(source, refresh) {
  const { name } = source;
  const trigger = (label, options, ask) => actionButton({
    label, ask, key: `${label} ${name}`, cls: label === "Run now" ? "primary" : "",
    run: async () => {
      const run = await post("/etl/trigger", { source: name, ...options });
      window.location.hash = `#/runs/${run.id}`;
      return "Started.";
    },
  });
  const control = (label, path, ask, body = (values) => values) => actionButton({
    label, ask, needs: "admin", key: `${label} ${name}`,
    run: async (values) => {
      await post(`/etl/sources/${encodeURIComponent(name)}/${path}`, body(values));
      await refresh();
      return `Done: ${label.toLowerCase()} of ${name}.`;
    },
  });
  return [
    trigger("Run now", {}, null),
    trigger("Dry run", { dry_run: true }, null),
    trigger("Full read", { full: true }, { title: `Read all of ${name}?`, text: "A full read asks the source for every record, not only for the changed ones. It may take long." }),
    source.waiting_run && control("Start waiting run", "release", { title: "Start the run although it waits?", text: "" }, () => undefined),
    source.pause ? control("Resume", "resume", null, () => undefined)
      : control("Pause", "pause", {
        title: `Pause ${name}?`,
        text: "No scheduled run starts until someone resumes it. A running run goes on.",
        fields: [{ name: "reason", label: "Reason, for the next person", isRequired: false }],
      }, ({ reason }) => ({ reason: reason || null })),
  ].filter(Boolean);
}
