/** A secret that the server shows once. */

import { make } from "../dom.js";

/** What an action tells with a new secret; see `actionButton`. */
export function secretTold(title, secret, ...about) {
  const field = make("input", { id: "secret", readonly: true, value: secret, autocomplete: "off", spellcheck: "false", on: { focus: () => field.select() } });
  const copied = make("span", { role: "status", class: "note" });
  // Browsers have it only on https and on this machine.
  const copy = navigator.clipboard && make("button", { type: "button", class: "button", on: { click: async () => {
    try {
      await navigator.clipboard.writeText(secret);
      copied.textContent = "Copied.";
    } catch {
      field.select();
      copied.textContent = "Not copied: the browser refuses it. The text is selected.";
    }
  } } }, "Copy");
  return {
    title,
    parts: [
      make("p", {}, "Keep it now: it is not shown again. Who has it can sign messages."),
      make("label", { for: "secret" }, "Secret", field),
      make("div", { class: "actions" }, copy, copied),
      about.map((each) => make("p", { class: "note" }, each)),
    ],
  };
}
