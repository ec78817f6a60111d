/** The list of users: search, filters, export. */

import { get, query } from "../api.js";
import { badge, link, make, replaceParts } from "../dom.js";
import { day, number, plural } from "../format.js";
import { empty, loading, problemBox } from "../states.js";
import { moreButton, table } from "../tables.js";
import { exportPanel } from "./export.js";
import { noUsers } from "./no_users.js";

const TYPED_MS = 200;
const PAGE = 25;
// The list has no words, and the search has no filter but the status.
const LIST_ONLY = ["role", "tag", "location", "from", "to"];

export function usersView(page) {
  const results = make("div", { class: "panel-body", id: "results" }, loading());
  const matches = make("p", { class: "note", id: "matches", role: "status" });
  const form = filterForm(page);
  page.show({ title: "Users" }, make("section", { class: "panel", "aria-label": "List of users" },
    form.element, matches, results, exportPanel(() => listFilters(form.values()))));
  let timer = 0;
  let request = new AbortController();
  page.signal.addEventListener("abort", () => request.abort());

  function isFiltered() {
    return Object.values(form.values()).some(Boolean);
  }

  async function load(cursor = null, before = []) {
    request.abort();
    const mine = (request = new AbortController());
    try {
      const found = await find(form.values(), cursor, mine.signal);
      const users = [...before, ...found.users];
      matches.textContent = form.values().q ? searchWords(found) : listWords(found, users.length);
      replaceParts(results, [users.length || isFiltered() ? usersTable(users) : noUsers("The list shows users as soon as they are stored."), moreButton(found.next, () => load(found.next, users))]);
    } catch (error) {
      if (error.name === "AbortError") return;
      matches.textContent = "";
      replaceParts(results, problemBox(error, { retry: () => load(cursor, before) }));
    }
  }

  form.element.addEventListener("input", () => {
    form.update();
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      page.setQuery(form.values());
      load();
    }, TYPED_MS);
  });
  form.update();
  load();
}

function filterForm(page) {
  const value = (name) => page.query.get(name) ?? "";
  const input = (name, label, properties = {}) => make("label", { class: `filter ${properties.cls ?? ""}` }, label,
    make("input", { name, value: value(name), autocomplete: "off", spellcheck: "false", maxlength: "200", ...properties, cls: null }));
  const status = make("select", { name: "status" }, ["", "active", "inactive", "suspended"].map((each) =>
    make("option", { value: each, selected: each === value("status") }, each || "any")));
  const element = make("form", { class: "filters many", role: "search", on: { submit: (event) => event.preventDefault() } },
    input("q", "Name or e-mail address", { id: "q", type: "search", cls: "wide-filter", placeholder: "Any part of it" }),
    make("label", { class: "filter" }, "Status", status),
    input("role", "Role"), input("tag", "Tag"), input("location", "Location"),
    input("from", "Registered from", { type: "date" }), input("to", "Registered to", { type: "date" }));
  const values = () => Object.fromEntries([...new FormData(element)].map(([name, text]) => [name, text.trim()]));
  return {
    element,
    values,
    update() {
      const isSearch = Boolean(element.elements.q.value.trim());
      for (const name of LIST_ONLY) element.elements[name].disabled = isSearch;
    },
  };
}

/** The filters of a list and of an export. */
function listFilters({ status, role, tag, location, from, to }) {
  return {
    status, role, tag, location,
    "created_at[gte]": from && `${from}T00:00:00Z`,
    "created_at[lt]": to && nextDay(to),
  };
}

function nextDay(text) {
  return new Date(Date.parse(`${text}T00:00:00Z`) + 86400000).toISOString();
}

async function find(values, cursor, signal) {
  if (values.q) {
    const found = await get(`/users/search${query({ q: values.q, status: values.status, limit: PAGE, cursor })}`, { signal });
    return { users: found.users, total: found.total, next: found.next_cursor };
  }
  const headers = cursor ? {} : { Prefer: "count=estimated" };
  const found = await get(`/users${query({ ...listFilters(values), limit: PAGE, cursor })}`, { signal, headers });
  return { users: found.items, total: found.total, next: found.next_cursor };
}

function searchWords({ total, next }) {
  const counted = total > 1000 ? "More than 1,000 users" : plural(total, "user");
  return `${counted}${next ? ", newest first" : ""}. Only the status filters a search.`;
}

let lastTotal = 0;

function listWords({ total }, shown) {
  if (total !== undefined) lastTotal = total;
  if (!shown) return "";
  if (lastTotal > 10_000) return `Newest first; ${number(shown)} of more than 10,000 shown.`;
  return `Newest first; ${number(shown)} of about ${number(Math.max(lastTotal, shown))} shown.`;
}

export function usersTable(users) {
  if (!users.length) {
    return empty("No users found", "Change the search or the filters. A word of one or two letters matches the beginning of a word.");
  }
  return table("Users", [
    { title: "Name", cls: "name", cell: (user) => link(user.full_name || user.email || user.id, `users/${encodeURIComponent(user.id)}`) },
    { title: "E-mail", cls: "text", cell: (user) => user.email },
    { title: "Status", cell: (user) => badge(user.status) },
    { title: "Roles", cls: "wide text", cell: (user) => user.roles.join(", ") || "–" },
    { title: "Location", cls: "wide text", cell: (user) => user.profile.location ?? "–" },
    { title: "Registered", cls: "wide", cell: (user) => day(user.created_at) },
  ], users, { isStacked: true });
}
