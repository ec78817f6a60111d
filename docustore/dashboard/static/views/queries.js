/** Questions about users: ask one, or open one that is saved. */

import { ask, getTagged } from "../api.js";
import { actionButton } from "../dialog.js";
import { make, replaceParts } from "../dom.js";
import { loading, notice, problemBox } from "../states.js";
import { queryDesk } from "./query_desk.js";
import { FIRST_QUESTION } from "./query_form.js";
import { nameField } from "./report_form.js";
import { problemWords, savedQueriesPanel } from "./saved_queries.js";

const DESCRIPTION = { name: "description", label: "What it is for", isRequired: false };

export function queriesView(page) {
  const given = askedIn(page);
  const desk = queryDesk(page, given ?? FIRST_QUESTION, { name: "answer", asked: (question) => keep(page, question) });
  const saved = savedQueriesPanel(page);
  page.show({ title: "Queries", actions: [saveAsButton(desk)].filter(Boolean) }, desk.element, saved.element);
  if (given) desk.ask();
}

export async function savedQueryView(page, name) {
  const path = `/analytics/queries/${encodeURIComponent(name)}`;
  const head = { title: name, back: { view: "queries", text: "Queries" } };
  page.show(head, loading());
  let found;
  try {
    found = await getTagged(path, { signal: page.signal });
  } catch (error) {
    if (!page.signal.aborted) page.show(head, problemBox(error, { retry: () => savedQueryView(page, name) }));
    return;
  }
  if (page.signal.aborted) return;
  const [saved] = found;
  const state = { etag: found[1], description: saved.description };
  const desk = queryDesk(page, askedIn(page) ?? saved.query, { name, asked: (question) => keep(page, question) });
  const about = make("p", { class: "lead" }, saved.description);
  page.show({ ...head, actions: [saveButton(desk, path, state, about), saveAsButton(desk), deleteButton(name, path)].filter(Boolean) },
    about, saved.problems.length > 0 && notice("bad", "This version does not take all of it: ", problemWords(saved)), desk.element);
  if (!saved.problems.length) desk.ask();
}

function saveButton(desk, path, state, about) {
  return actionButton({
    label: "Save",
    ask: () => ({ title: "Save this question in place of the old one?", text: "Reports that use it answer the new one.", fields: [{ ...DESCRIPTION, value: state.description }] }),
    run: async ({ description }) => {
      const response = await ask(path, { method: "PUT", body: { query: desk.read(), description }, headers: { "If-Match": state.etag } });
      Object.assign(state, { etag: response.headers.get("ETag"), description });
      replaceParts(about, [description]);
      return "Saved.";
    },
  });
}

function saveAsButton(desk) {
  return actionButton({
    label: "Save as",
    ask: { title: "Save this question?", text: "It belongs to your key: only this key and administrators change it.", fields: [nameField(), DESCRIPTION] },
    run: async ({ name, description }) => {
      await ask(`/analytics/queries/${encodeURIComponent(name)}`, { method: "PUT", body: { query: desk.read(), description } });
      window.location.hash = `#/queries/${encodeURIComponent(name)}`;
      return `Saved as ${name}.`;
    },
  });
}

function deleteButton(name, path) {
  return actionButton({
    label: "Delete",
    ask: { title: `Delete the query ${name}?`, isDangerous: true, text: "This cannot be undone." },
    run: async () => {
      await ask(path, { method: "DELETE" });
      window.location.hash = "#/queries";
      return "Deleted.";
    },
  });
}

/** The question in the address; null if there is none that can be read. */
function askedIn(page) {
  try {
    const found = JSON.parse(page.query.get("q"));
    return Array.isArray(found?.metrics) ? found : null;
  } catch {
    return null;
  }
}

function keep(page, question) {
  page.setQuery({ q: JSON.stringify(question) });
}
