/** What a view of a store without users says: why it is empty, and how the first users come. */

import { link } from "../dom.js";
import { empty } from "../states.js";

export function noUsers(what) {
  return empty("No users yet", `${what} Load a file with \`docustore import FILE\` or \`docustore etl run FILE\`, or configure a source.`,
    link("Sources", "sources"));
}
