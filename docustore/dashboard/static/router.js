/** One view at a time, chosen by the fragment of the address: `#/users/6b03?status=active`. */

import { make } from "./dom.js";

/** The page that a view draws on; `signal` is aborted when the visitor leaves the view. */
class ViewPage {
  constructor(root, parts, given) {
    this.root = root;
    this.parts = parts;
    this.query = given;
    this.leaving = new AbortController();
    this.signal = this.leaving.signal;
  }

  /** Write the title, the way back and the actions of the view, and its parts. */
  show({ title, back, actions = [] }, ...parts) {
    document.title = `${title} · docustore`;
    const hasFocus = this.heading && document.activeElement === this.heading;
    this.heading = make("h1", { tabindex: "-1", id: "view-title" }, title);
    this.actions = make("div", { class: "actions" }, actions);
    this.root.replaceChildren(
      make("div", { class: "view-head" },
        make("div", {}, back && make("a", { class: "back", href: `#/${back.view}` }, `‹ ${back.text}`), this.heading),
        this.actions),
      ...parts.filter(Boolean));
    if (hasFocus) this.heading.focus({ preventScroll: true });
  }

  rename(title) {
    document.title = `${title} · docustore`;
    this.heading.textContent = title;
  }

  /** Keep the state of the view in the address, so that it can be shared and reloaded. */
  setQuery(values) {
    const given = Object.entries(values).filter(([, value]) => value);
    const text = new URLSearchParams(given).toString();
    window.history.replaceState(null, "", `#/${this.parts.map(encodeURIComponent).join("/")}${text && `?${text}`}`);
  }
}

export function startRouter(root, routes) {
  let shown = null;

  function open({ isFirst = false } = {}) {
    const [path, text = ""] = window.location.hash.replace(/^#\/?/, "").split("?");
    const parts = path.split("/").filter(Boolean).map(decoded);
    const [name = "", ...rest] = parts;
    const view = viewOf(routes, name, rest);
    shown?.leaving.abort();
    shown = new ViewPage(root, parts, new URLSearchParams(text));
    mark(name);
    view(shown, ...rest);
    window.scrollTo(0, 0);
    // A screen reader then reads the title of the new view.
    if (!isFirst) shown.heading?.focus({ preventScroll: true });
  }

  window.addEventListener("hashchange", () => open());
  open({ isFirst: true });
}

/** The view of a path; words such as `constructor` name none, though every object has them. */
function viewOf(routes, name, rest) {
  const path = rest.length ? `${name}/*` : name;
  return rest.length < 2 && Object.hasOwn(routes, path) ? routes[path] : routes.unknown;
}

function mark(name) {
  for (const item of document.querySelectorAll("[data-view]")) {
    if (item.dataset.view !== name) item.removeAttribute("aria-current");
    else {
      item.setAttribute("aria-current", "page");
      // In a narrow window the views scroll sideways.
      const { parentElement: views, offsetLeft: left, offsetWidth: width } = item;
      if (left < views.scrollLeft || left + width > views.scrollLeft + views.clientWidth) views.scrollLeft = left - 16;
    }
  }
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
