/** A part of a view that loads its own data, follows it, and has a state for every case. */

import { make, replaceParts } from "./dom.js";
import { since } from "./format.js";
import { loading, notice, problemBox } from "./states.js";

const HIDDEN_MS = 5000;
let panels = 0;

/** A part with a title and a body. */
export function panel({ title, cls = "", actions = [], level = "h2" }, ...children) {
  const id = `panel-${(panels += 1)}`;
  return make("section", { class: `panel ${cls}`, "aria-labelledby": id },
    make("div", { class: "panel-head" }, make(level, { id }, title), make("div", { class: "actions" }, actions)),
    children);
}

/**
 * A panel that loads its data, and again after `every` milliseconds: a number, or a function that returns one.
 *
 * Data that is equal to what is shown changes nothing, so that the focus and a selection stay. If a later request
 * fails, the data stays, with a line that says how old it is.
 */
export function livePanel(page, { load, show, every = 0, ...options }) {
  const body = make("div", { class: "panel-body", "aria-busy": "true" }, loading());
  const region = liveRegion(page, body, { load, show, every });
  return { element: panel(options, body), body, ...region };
}

export function liveRegion(page, body, { load, show, every = 0 }) {
  let [text, loadedAt, timer, latest, isRefused] = [null, null, 0, 0, false];

  async function refresh({ isForced = false } = {}) {
    window.clearTimeout(timer);
    const turn = (latest += 1);
    try {
      const data = await load(page.signal);
      if (turn !== latest || page.signal.aborted) return;
      const found = JSON.stringify(data);
      if (isForced || found !== text || body.querySelector(":scope > .problem, :scope > .stale")) {
        replaceParts(body, show(data));
      }
      [text, loadedAt, isRefused] = [found, new Date().toISOString(), false];
    } catch (error) {
      if (error.name === "AbortError" || turn !== latest || page.signal.aborted) return;
      // The same request would be refused again; the button asks again.
      isRefused = error.status >= 400 && error.status < 500 && error.status !== 429;
      fail(error);
    }
    body.setAttribute("aria-busy", "false");
    const wait = typeof every === "function" ? every() : every;
    if (wait && !isRefused && !page.signal.aborted) timer = window.setTimeout(tick, wait);
  }

  function fail(error) {
    if (text === null) {
      replaceParts(body, problemBox(error, { retry: () => refresh() }));
      return;
    }
    body.querySelector(":scope > .stale")?.remove();
    body.prepend(notice("stale", `${error.title ?? "The page failed"}: ${error.message} These figures are from `,
      since(loadedAt), "."));
  }

  function tick() {
    if (document.hidden) timer = window.setTimeout(tick, HIDDEN_MS);
    else refresh();
  }

  page.signal.addEventListener("abort", () => window.clearTimeout(timer));
  refresh();
  return { refresh: () => refresh({ isForced: true }) };
}
