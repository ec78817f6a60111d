/** The view of an address that names none. */

import { link } from "../dom.js";
import { empty } from "../states.js";

export function unknownView(page) {
  page.show({ title: "No such view" }, empty("This address names no view", "It may be misspelt.", link("Overview", "")));
}
