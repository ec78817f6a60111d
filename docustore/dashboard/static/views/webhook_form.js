/** The fields of a webhook: its address and its filter. */

import { words } from "../forms.js";

const same = (names) => Object.fromEntries(names.map((name) => [name, name]));
export const OPERATIONS = ["insert", "update", "delete", "restore"];
export const STATUSES = ["active", "inactive", "suspended"];

export function webhookFields({ url = "", description = "", operations = [], fields = [], statuses = [] } = {}) {
  return [
    { name: "url", label: "Address", type: "url", value: url, maxlength: "2000", hint: "https, unless the settings allow its network." },
    { name: "description", label: "Description", value: description, isRequired: false },
    { name: "operations", label: "Only these changes; none chosen: all", type: "checks", options: same(OPERATIONS), value: operations },
    { name: "statuses", label: "Only users that are then; none chosen: all", type: "checks", options: same(STATUSES), value: statuses },
    { name: "fields", label: "Only updates of these fields", value: fields.join(", "), isRequired: false, hint: "Separated by commas, such as status, profile.location. Empty: all." },
  ];
}

export function webhookBody({ fields, ...values }) {
  return { ...values, fields: words(fields) };
}
