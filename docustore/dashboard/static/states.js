/** What a view shows instead of data: loading, empty, failed, out of date. */

import { make, withCode } from "./dom.js";

export function loading() {
  const bars = [1, 2, 3].map(() => make("span", { class: "bone" }));
  return make("div", { class: "loading" }, make("span", { class: "visually-hidden" }, "Loading"), bars);
}

/** Nothing is there: say why, and what to do. */
export function empty(title, hint, ...actions) {
  return make("div", { class: "empty" }, make("p", { class: "empty-title" }, title), hint && make("p", {}, withCode(hint)),
    actions);
}

/** Show a problem in full: title, detail, every error, next step, id of the request. */
export function problemBox(problem, { retry } = {}) {
  const errors = problem.errors ?? [];
  return make("div", { class: "problem", role: "alert" },
    make("p", { class: "problem-title" }, problem.title ?? "The page failed"),
    make("p", {}, problem.detail ?? problem.message),
    errors.length > 0 && make("ul", {}, errors.map((each) =>
      make("li", {}, each.pointer && make("code", {}, each.pointer), ` ${each.detail}`))),
    problem.nextStep && make("p", {}, make("b", {}, "Next step: "), withCode(problem.nextStep)),
    problem.requestId && make("p", { class: "note" }, "Request ", make("code", {}, problem.requestId)),
    retry && make("button", { type: "button", class: "button", on: { click: retry } }, "Retry"));
}

/** One line above a view; `kind` is `stale`, `wait` or `bad`. */
export function notice(kind, ...content) {
  return make("p", { class: `notice ${kind}` }, ...content);
}

/** A text of a program, such as an error: complete, with its line breaks. */
export function longText(text) {
  return make("pre", { class: "long-text", tabindex: "0" }, text);
}
