/** One user: fields, history, identities, quality, and what can be done with it. */

import { get, getTagged, post } from "../api.js";
import { actionButton } from "../dialog.js";
import { badge, facts, link, make } from "../dom.js";
import { momentSince, since } from "../format.js";
import { livePanel } from "../panels.js";
import { empty, loading, problemBox } from "../states.js";
import { table } from "../tables.js";
import { historyPanel } from "./user_history.js";
import { userQualityPanel } from "./user_quality.js";

const VERBS = { active: ["suspend", "deactivate"], inactive: ["activate", "suspend"], suspended: ["activate", "deactivate"] };
const REFRESH_MS = 10_000;

export async function userView(page, id) {
  const path = `/users/${encodeURIComponent(id)}`;
  const head = { title: "User", back: { view: "users", text: "Users" } };
  page.show(head, loading());
  try {
    // First alone: an unknown user is one problem, not one in each part.
    await loaded(path, page.signal);
  } catch (error) {
    if (!page.signal.aborted) page.show(head, problemBox(error, { retry: () => userView(page, id) }));
    return;
  }
  page.show(head);
  const state = { etag: null };
  const fields = livePanel(page, {
    title: "Fields",
    every: REFRESH_MS,
    load: async (signal) => {
      const [user, etag] = await loaded(path, signal);
      state.etag = etag;
      return user;
    },
    show: (user) => {
      page.rename(user.full_name || user.email || (user.isDeleted ? "Deleted user" : user.id));
      page.actions.replaceChildren(...buttons(user, path, refresh).filter(Boolean));
      return fieldsPart(user);
    },
  });
  const history = historyPanel(page, path, { etag: () => state.etag, changed: () => refresh() });
  const identities = identitiesPanel(page, path);
  const quality = userQualityPanel(page, path);
  const parts = [fields, quality, identities, history];
  page.root.append(make("div", { class: "split" },
    make("div", {}, fields.element, quality.element, identities.element), make("div", {}, history.element)));
  async function refresh() {
    await Promise.all(parts.map((part) => part.refresh()));
  }
}

/** Read a user; a deleted one is a state of the page, no failure. */
async function loaded(path, signal) {
  try {
    return await getTagged(path, { signal });
  } catch (error) {
    if (error.status !== 410) throw error;
    return [{ isDeleted: true, detail: error.detail, nextStep: error.nextStep }, null];
  }
}

function buttons(user, path, refresh) {
  const button = (verb, text) => actionButton({
    label: `${verb[0].toUpperCase()}${verb.slice(1)}`,
    ask: { title: `${verb[0].toUpperCase()}${verb.slice(1)} this user?`, text, isDangerous: verb !== "activate" },
    run: async () => {
      await post(`${path}/${verb}`);
      await refresh();
      return `Done: ${verb}.`;
    },
  });
  if (user.isDeleted) return [button("restore", "The user appears again in lists, search and counts.")];
  const verbs = Object.hasOwn(VERBS, user.status) ? VERBS[user.status] : ["activate", "deactivate", "suspend"];
  return verbs.map((verb) =>
    button(verb, `The status is ${user.status} now. Applications see the change at once; history keeps it.`));
}

function fieldsPart(user) {
  if (user.isDeleted) return empty("This user is deleted", [user.detail, ". ", user.nextStep].filter(Boolean).join(""));
  const { profile } = user;
  return facts([
    ["E-mail", user.email],
    ["First name", user.first_name || "–"],
    ["Last name", user.last_name || "–"],
    ["Status", badge(user.status)],
    ["Roles", user.roles.join(", ") || "–"],
    ["Tags", user.tags.join(", ") || "–"],
    ["Location", profile.location],
    ["Biography", profile.bio],
    ["Avatar", profile.avatar],
    ["Notifications", profile.preferences.notifications ? "on" : "off"],
    ["Theme", profile.preferences.theme],
    ["Language", profile.preferences.language],
    ["Registered", momentSince(user.created_at, { never: "unknown" })],
    ["Updated", momentSince(user.updated_at, { never: "unknown" })],
    ["Version", String(user.version)],
    ["Id", make("code", {}, user.id)],
  ]);
}

function identitiesPanel(page, path) {
  return livePanel(page, {
    title: "Identities",
    load: (signal) => get(`${path}/identities`, { signal }),
    show: (identities) => [
      make("p", { class: "note" }, "The records that this user consists of. The user has the values of the one that speaks."),
      table("Identities", [
        { title: "Record", cls: "text", cell: (each) => make("code", {}, each.external_id) },
        { title: "Source", cell: (each) => (each.kind === "local" ? "this service" : link(each.source, `runs?source=${encodeURIComponent(each.source)}`)) },
        { title: "Kind", cell: (each) => [each.kind, each.is_winner && make("span", { class: "tag good" }, "speaks")] },
        { title: "State", cls: "wide", cell: (each) => (each.ended_at ? ["ended ", since(each.ended_at)] : "live") },
        { title: "Changed", cell: (each) => since(each.modified_at) },
      ], identities),
    ],
  });
}
