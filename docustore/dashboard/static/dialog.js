/** Actions: a button, a question where the action is costly, and what became of it. */

import { focusOn, keyOf, make, replaceParts } from "./dom.js";
import { can } from "./session.js";
import { problemBox } from "./states.js";

const SAID_FOR_MS = 10_000;
let silence = 0;

/** Say the result of an action, also to a screen reader. */
export function say(text) {
  const line = document.getElementById("said");
  window.clearTimeout(silence);
  line.textContent = text;
  silence = window.setTimeout(() => { line.textContent = ""; }, SAID_FOR_MS);
}

/**
 * A button for an action; null if the session may not do it.
 *
 * `ask` is `{ title, text, fields, isDangerous }`, `run` gets the values of the fields and returns what to say.
 */
export function actionButton({ label, needs = "write", ask, run, key, cls = "" }) {
  if (!can(needs)) return null;
  const button = make("button", { type: "button", class: `button ${cls}`, "data-key": key ?? label }, label);
  button.addEventListener("click", () => (ask ? openDialog({ label, ...ask, run }, button) : act(button, label, run)));
  return button;
}

async function act(button, label, run) {
  button.disabled = true;
  try {
    say((await run({})) ?? "Done.");
  } catch (error) {
    openDialog({ title: `${label}: not done`, label: null, problem: error }, button);
  } finally {
    button.disabled = false;
  }
}

/** Ask, act, and stay open while the action fails: Escape and Cancel close without acting. */
function openDialog({ title, text, fields = [], isDangerous, label, run, problem }, opener) {
  const result = make("div", { class: "dialog-result" }, problem && problemBox(problem));
  const inputs = fields.map(fieldOf);
  const confirm = label && make("button", { class: `button ${isDangerous ? "danger" : "primary"}` }, label);
  const close = make("button", { type: "button", class: "button", on: { click: () => dialog.close() } },
    label ? "Cancel" : "Close");
  const form = make("form", { method: "dialog" },
    make("h2", { id: "dialog-title" }, title), [text].flat().map((each) => each && make("p", {}, each)),
    inputs.map(({ row }) => row), result, make("div", { class: "dialog-buttons" }, close, confirm));
  const dialog = make("dialog", { "aria-labelledby": "dialog-title" }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    confirm.disabled = true;
    replaceParts(result, []);
    try {
      say((await run(Object.fromEntries(inputs.map(({ name, input }) => [name, input.value.trim()])))) ?? "Done.");
      dialog.close();
    } catch (error) {
      replaceParts(result, problemBox(error));
      confirm.disabled = false;
    }
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    // The view may have been drawn again meanwhile, with another button of the same name.
    if (!opener.isConnected) focusOn(document.body, keyOf(opener));
  });
  document.body.append(dialog);
  dialog.showModal();
  // Enter must not run something costly by accident.
  (inputs[0]?.input ?? close).focus();
}

function fieldOf({ name, label, type = "text", isRequired = true, value = "" }) {
  const input = make("input", { id: `field-${name}`, type, required: isRequired, maxlength: "500", value });
  return { name, input, row: make("label", { for: `field-${name}` }, label, input) };
}
