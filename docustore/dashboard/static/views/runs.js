/** The list of runs. */

import { get, query } from "../api.js";
import { make } from "../dom.js";
import { livePanel } from "../panels.js";
import { longNote, moreButton, unlessLong } from "../tables.js";
import { runsTable } from "./runs_table.js";

const REFRESH_MS = 3000;
const STATES = ["", "due", "running", "succeeded", "failed", "cancelled", "superseded"];
const PAGE = 25;

export function runsView(page) {
  let pages = 1;
  const source = make("select", { name: "source" });
  const state = make("select", { name: "state" }, STATES.map((each) =>
    make("option", { value: each, selected: each === page.query.get("state") }, each || "any")));
  const values = () => ({ source: source.value || (page.query.get("source") ?? ""), state: state.value });
  const form = make("form", { class: "filters" }, make("label", { class: "filter" }, "Source", source),
    make("label", { class: "filter" }, "State", state));
  const list = livePanel(page, {
    title: "Latest first",
    every: unlessLong(REFRESH_MS, () => pages * PAGE),
    load: async (signal) => {
      const runs = [];
      let cursor = null;
      for (let each = 0; each < pages; each += 1) {
        const found = await get(`/etl/runs${query({ ...values(), limit: PAGE, cursor })}`, { signal });
        runs.push(...found.items);
        cursor = found.next_cursor;
        if (!cursor) break;
      }
      return { runs, hasMore: Boolean(cursor) };
    },
    show: ({ runs, hasMore }) => [longNote(pages * PAGE, () => list.refresh()), runsTable(runs), moreButton(hasMore, () => { pages += 1; return list.refresh(); })],
  });
  page.show({ title: "Runs" }, form, list.element);
  fillSources(source, page.query.get("source") ?? "", page.signal);
  form.addEventListener("change", () => {
    page.query.delete("source");
    pages = 1;
    page.setQuery(values());
    list.refresh();
  });
}

async function fillSources(select, chosen, signal) {
  const option = (name) => make("option", { value: name, selected: name === chosen }, name || "any");
  select.append(option(""));
  let names = [];
  try {
    names = (await get("/etl/sources", { signal })).map(({ name }) => name);
  } catch {
    // The list of runs says why the server does not answer.
  }
  // A run may be of a source that is no longer configured.
  if (chosen && !names.includes(chosen)) names.push(chosen);
  select.append(...names.map(option));
}
