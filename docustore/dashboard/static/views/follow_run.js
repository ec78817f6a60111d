/** Follow a run until it ends: by its event stream, or by asking where there is no stream. */

import { get } from "../api.js";

const POLL_MS = 1500;

export async function followRun(id, show, fail, signal) {
  const path = `/etl/runs/${encodeURIComponent(id)}`;
  try {
    // First, so that an error has its problem: an event stream has none.
    const run = await get(path, { signal });
    show(run);
    if (run.finished_at) return;
  } catch (error) {
    if (error.name !== "AbortError") fail(error);
    return;
  }
  const stream = new EventSource(path);
  signal.addEventListener("abort", () => stream.close());
  stream.addEventListener("progress", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("finished", (event) => {
    stream.close();
    show(JSON.parse(event.data));
  });
  stream.addEventListener("error", () => {
    // The browser connects again by itself, but not after a refusal.
    if (stream.readyState !== EventSource.CLOSED || signal.aborted) return;
    window.setTimeout(() => signal.aborted || followRun(id, show, fail, signal), POLL_MS);
  });
}
