/** The records that could not be loaded. */

import { make } from "../dom.js";
import { quarantineList } from "./quarantine_list.js";

const STATES = ["open", "ignored", "resolved"];

export function quarantineView(page) {
  const value = (name) => page.query.get(name) ?? "";
  const input = (name, label) => make("label", { class: "filter" }, label, make("input", { name, value: value(name), autocomplete: "off", spellcheck: "false" }));
  const form = make("form", { class: "filters", on: { submit: (event) => event.preventDefault() } },
    make("label", { class: "filter" }, "State", make("select", { name: "state" }, STATES.map((each) =>
      make("option", { value: each, selected: each === value("state") }, each)))),
    input("source", "Source"), input("code", "Reason"), input("run", "Run"));
  const values = () => Object.fromEntries([...new FormData(form)].map(([name, text]) => [name, text.trim()]));
  const list = quarantineList(page, { filters: values, title: "Last seen first" });
  page.show({ title: "Quarantine" },
    make("p", { class: "lead" }, "Records of sources that break a rule. A record that is corrected in its source loads with the next run, and its entry closes."),
    form, list.element);
  form.addEventListener("change", () => {
    page.setQuery(values());
    list.restart();
  });
}
