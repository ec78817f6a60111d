/** Actions: a button, a question where the action is costly, and what became of it. */

import { focusNear, focusOn, keyOf, make, replaceParts, whileBusy } from "./dom.js";
import { dialogField } from "./forms.js";
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
 * `ask` is `{ title, text, fields, isDangerous, dismiss }`, or a function that returns it; `dismiss` is the word of the button
 * that closes the question. `run` gets the values of the fields.
 * It returns what to say, or `{ title, parts }`: what must be seen before the visitor goes on.
 */
export function actionButton({ label, needs = "write", ask, run, key, cls = "" }) {
  if (!can(needs)) return null;
  const button = make("button", { type: "button", class: `button ${cls}`, "data-key": key ?? label }, label);
  button.addEventListener("click", () => (ask ? question(button, label, ask, run) : act(button, label, run)));
  return button;
}

/** Return a maker of buttons for admins; `refresh` reads the view again after each action. */
export function adminButtons(refresh) {
  return (label, ask, run, cls) => actionButton({
    label, ask, cls, needs: "admin",
    run: async (values) => {
      const told = await run(values);
      await refresh();
      return told;
    },
  });
}

async function act(button, label, run) {
  await attempt(button, label, async () => tell(await run({}), button));
}

/** Ask; what the question needs is read first. */
async function question(button, label, ask, run) {
  await attempt(button, label, async () => {
    openDialog({ label, ...(typeof ask === "function" ? await ask() : ask), run }, button);
  });
}

async function attempt(button, label, work) {
  try {
    await whileBusy(button, work);
  } catch (error) {
    openDialog({ title: `${label}: not done`, label: null, problem: error }, button);
  }
}

function tell(outcome, opener) {
  if (outcome?.parts) openDialog({ ...outcome, label: null }, opener);
  else say(outcome ?? "Done.");
}

/** Ask, act, and stay open while the action fails: Escape and Cancel close without acting. */
function openDialog({ title, text, fields = [], parts = [], isDangerous, dismiss = "Cancel", label, run, problem }, opener) {
  const result = make("div", { class: "dialog-result" }, problem && problemBox(problem));
  const inputs = fields.map(dialogField);
  const confirm = label && make("button", { class: `button ${isDangerous ? "danger" : "primary"}` }, label);
  const close = make("button", { type: "button", class: "button", on: { click: () => dialog.close() } },
    label ? dismiss : "Close");
  const form = make("form", { method: "dialog" },
    make("h2", { id: "dialog-title" }, title), [text].flat().map((each) => each && make("p", {}, each)),
    parts, inputs.map(({ row }) => row), result, make("div", { class: "dialog-buttons" }, close, confirm));
  const dialog = make("dialog", { "aria-labelledby": "dialog-title" }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!confirm) dialog.close();
    else await whileBusy(confirm, () => answer());
  });
  async function answer() {
    replaceParts(result, []);
    try {
      const outcome = await run(Object.fromEntries(inputs.map(({ name, read }) => [name, read()])));
      dialog.close();
      tell(outcome, opener);
    } catch (error) {
      replaceParts(result, problemBox(error));
    }
  }
  // A question about one view must not stay open over another one.
  const leave = () => dialog.close();
  window.addEventListener("hashchange", leave);
  dialog.addEventListener("close", () => {
    window.removeEventListener("hashchange", leave);
    dialog.remove();
    // The view may have been drawn again meanwhile, with another button of the same name.
    if (opener.isConnected) opener.focus();
    else if (!focusOn(document.body, keyOf(opener))) focusNear(document.getElementById("content"));
  });
  document.body.append(dialog);
  dialog.showModal();
  // Enter must not run something costly by accident.
  (inputs[0]?.input ?? close).focus();
}
