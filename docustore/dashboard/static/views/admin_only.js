/** Views that only an administrator may read. */

import { make } from "../dom.js";
import { panel } from "../panels.js";
import { can } from "../session.js";

/** The view, or for other sessions a word on what it needs. */
export function adminOnly(title, view) {
  return (page, ...rest) => (can("admin") ? view(page, ...rest)
    : page.show({ title }, panel({ title }, make("p", { class: "note" }, "This view needs a key of the scope admin."))));
}
