/** Quarantined records as a list with its levers: replay, ignore, reopen. */

import { get, post, query } from "../api.js";
import { actionButton } from "../dialog.js";
import { link, make, replaceParts } from "../dom.js";
import { plural, since } from "../format.js";
import { livePanel } from "../panels.js";
import { empty } from "../states.js";
import { moreButton, pagesOf, table } from "../tables.js";

const PAGE = 20;
const MAX_AT_ONCE = 200;

/** `filters` is an object of query parameters, or a function that returns one. */
export function quarantineList(page, { filters, title }) {
  const given = typeof filters === "function" ? filters : () => filters;
  let limit = PAGE;
  const actions = make("div", { class: "actions" });
  const list = livePanel(page, {
    title,
    actions: [actions],
    load: (signal) => pagesOf((cursor, size) => get(`/etl/quarantine${query({ ...given(), limit: size, cursor })}`, { signal }), limit),
    show: ({ items, hasMore }) => {
      const isOpen = (given().state ?? "open") === "open";
      replaceParts(actions, isOpen && items.length ? allButtons(given(), list.refresh) : []);
      return items.length ? [recordsTable(items, list.refresh), moreButton(hasMore, () => { limit += PAGE; return list.refresh(); })]
        : empty("No such records", isOpen ? "Every record that was read has been loaded or resolved." : "Change the filters.");
    },
  });
  return { ...list, restart: () => { limit = PAGE; list.refresh(); } };
}

function recordsTable(items, refresh) {
  return table("Quarantined records", [
    { title: "Record", cls: "key", cell: (each) => link(each.identity_key ?? `no id, number ${each.position}`, `quarantine/${each.id}`) },
    { title: "Source", cls: "wide", cell: (each) => each.source },
    { title: "Why", cls: "text", cell: (each) => reasonsPart(each.errors) },
    { title: "Seen", cls: "wide", cell: (each) => [since(each.last_seen_at), each.seen > 1 && make("small", {}, plural(each.seen, "time"))] },
    { title: "", cls: "row-actions", cell: (each) => recordButtons(each, refresh) },
  ], items, { isStacked: true });
}

export function reasonsPart(errors) {
  return make("ul", { class: "reasons" }, errors.map(({ pointer, code, detail }) => make("li", {},
    pointer && make("code", {}, pointer.slice(1).replaceAll("/", ".")), ` ${detail}`, make("small", {}, code.replaceAll("_", " ")))));
}

export function recordButtons(record, refresh) {
  const path = `/etl/quarantine/${record.id}`;
  return [
    actionButton({
      label: "Replay",
      key: `replay ${record.id}`,
      run: async () => {
        const found = await post(`${path}/replay`);
        await refresh();
        return replayed(found);
      },
    }),
    record.state === "open" ? actionButton({
      label: "Ignore",
      key: `ignore ${record.id}`,
      ask: {
        title: "Ignore this record?",
        text: "It stays ignored when it is read again. It can be opened again later.",
        fields: [{ name: "reason", label: "Reason, for the next person" }],
      },
      run: async (values) => {
        await post(`${path}/ignore`, values);
        await refresh();
        return "Ignored.";
      },
    }) : actionButton({
      label: "Reopen",
      key: `reopen ${record.id}`,
      run: async () => {
        await post(`${path}/reopen`);
        await refresh();
        return "Open again.";
      },
    }),
  ];
}

function replayed({ result, outcome, errors }) {
  if (result === "loaded") return `Loaded: ${outcome}.`;
  const why = errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join("; ");
  return result === "rejected" ? `Rejected again: ${why}.` : `What is stored of it cannot be loaded: ${why}. Its source must send it again.`;
}

function allButtons(filters, refresh) {
  const { source, code, run } = filters;
  const selection = source || code || run ? { source: source || null, code: code || null, run_id: run || null } : { all: true };
  const words = [source && `of ${source}`, code && `with the reason ${code}`, run && `of the run ${run}`].filter(Boolean).join(" ") || "of all sources";
  return [
    actionButton({
      label: "Replay all",
      ask: { title: `Replay the open records ${words}?`, text: `At most ${MAX_AT_ONCE} records are loaded again by the present rules and settings. Those that still break a rule stay open.` },
      run: async () => {
        const found = await post("/etl/quarantine/replay", { ...selection, limit: MAX_AT_ONCE });
        await refresh();
        return `${found.loaded} loaded, ${found.rejected} rejected again, ${found.impossible} cannot be loaded, ${found.remaining} not replayed yet.`;
      },
    }),
    actionButton({
      label: "Ignore all",
      ask: { title: `Ignore all open records ${words}?`, isDangerous: true, text: "They stay ignored when they are read again.", fields: [{ name: "reason", label: "Reason, for the next person" }] },
      run: async ({ reason }) => {
        const found = await post("/etl/quarantine/ignore", { ...selection, reason });
        await refresh();
        return `${plural(found.changed, "record")} ignored.`;
      },
    }),
  ];
}
