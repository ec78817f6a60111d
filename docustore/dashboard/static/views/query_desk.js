/** The place where a question is asked: its form, and the answer below it. */

import { post } from "../api.js";
import { make, replaceParts, whileBusy } from "../dom.js";
import { panel } from "../panels.js";
import { loading, notice, problemBox } from "../states.js";
import { queryForm } from "./query_form.js";
import { answerPanel, explanationPanel } from "./query_result.js";

/** `asked` is told each question that is run; `name` is that of its file. Returns `read` and `ask`, too. */
export function queryDesk(page, question, { name, asked }) {
  const form = queryForm(question);
  const result = make("div", { class: "stack-parts", id: "query-result" });
  const run = make("button", { type: "submit", class: "button primary" }, "Run");
  const explain = make("button", { type: "button", class: "button" }, "Explain");
  form.element.append(make("div", { class: "actions" }, run, explain));
  let latest = new AbortController();
  page.signal.addEventListener("abort", () => latest.abort());

  async function ask({ isExplained = false } = {}) {
    latest.abort();
    const mine = (latest = new AbortController());
    const given = form.read();
    replaceParts(result, panel({ title: "Answer" }, loading()));
    try {
      if (!given.metrics.length) throw noMetric();
      const answer = await post("/analytics/query", { ...given, explain: isExplained }, { signal: mine.signal });
      if (mine.signal.aborted) return;
      replaceParts(result, isExplained ? explanationPanel(answer) : answerPanel(answer, { name, bucket: given.time?.bucket }));
      asked?.(given);
    } catch (error) {
      if (error.name !== "AbortError") replaceParts(result, panel({ title: "Answer" }, problemBox(error, { retry: () => ask({ isExplained }) })));
    }
  }

  form.element.addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(run, () => ask());
  });
  explain.addEventListener("click", () => form.element.reportValidity() && whileBusy(explain, () => ask({ isExplained: true })));
  form.element.addEventListener("input", () => {
    // An answer must not stand below another question.
    if (result.childElementCount && !result.querySelector(":scope > .notice")) result.prepend(notice("stale", "The question has changed since this answer."));
  });
  return { element: make("div", { class: "stack-parts" }, panel({ title: "Question" }, form.element), result), read: form.read, ask };
}

function noMetric() {
  return Object.assign(new Error("Choose what is computed."), { title: "No question yet" });
}
