/** The form of a question: what is computed, by what, over which users and times. */

import { make } from "../dom.js";
import { checkedOf, checks, labelled, select } from "../forms.js";
import { DIMENSIONS } from "./distributions.js";
import { filterRows, timeInput, timeOf } from "./query_filters.js";
import { BUCKETS, METRICS, WEEK_STARTS } from "./query_names.js";

const DIRECTIONS = { desc: "largest first", asc: "smallest first" };
const DEFAULT_LIMIT = 1000;

export const FIRST_QUESTION = { metrics: ["users"], dimensions: ["status"] };

/** The form of a question in the form of the API; `read` returns the question that stands in it. */
export function queryForm(question) {
  const { metrics = [], dimensions = [], filters = [], time = {}, order = [], limit = DEFAULT_LIMIT, exact = false } = question;
  const filtersPart = filterRows(filters);
  const zone = make("input", { name: "timezone", value: time.timezone ?? "UTC", maxlength: "64", autocomplete: "off", spellcheck: "false" });
  const columns = { "": "by itself", bucket: "bucket", ...METRICS, ...DIMENSIONS };
  const element = make("form", { class: "query-form" },
    checks("metrics", "What", METRICS, metrics),
    checks("dimensions", "By", DIMENSIONS, dimensions),
    filtersPart.element,
    make("div", { class: "filters" },
      labelled("Registered from", timeInput("since", time.since)),
      labelled("Registered before", timeInput("until", time.until)),
      labelled("In buckets of a", select("bucket", BUCKETS, time.bucket ?? "")),
      labelled("Time zone of buckets", zone),
      labelled("A week begins on", select("week_start", WEEK_STARTS, time.week_start ?? "monday"))),
    make("div", { class: "filters" },
      labelled("Order", select("by", columns, order[0]?.by ?? "")),
      labelled("Direction", select("direction", DIRECTIONS, order[0]?.direction ?? "desc")),
      labelled("Rows at most", make("input", { name: "limit", type: "number", min: "1", max: "10000", required: true, value: String(limit) })),
      make("label", { class: "flag" }, make("input", { type: "checkbox", name: "exact", checked: exact }), "Never from the live counters")));
  return { element, read: () => readQuestion(element, filtersPart.read(), order.slice(1)) };
}

/** Members that have their default are left out, so that an address of a question is short. */
function readQuestion(form, filters, moreOrder) {
  const field = (name) => form.elements[name].value.trim();
  const time = withoutEmpty({ since: timeOf(field("since")), until: timeOf(field("until")), bucket: field("bucket") });
  if (field("timezone") !== "UTC") time.timezone = field("timezone");
  if (field("week_start") !== "monday") time.week_start = field("week_start");
  const [metrics, dimensions, by] = [checkedOf(form, "metrics"), checkedOf(form, "dimensions"), field("by")];
  const columns = new Set([...metrics, ...dimensions, time.bucket && "bucket"]);
  const order = by ? [{ by, direction: field("direction") }, ...moreOrder.filter((each) => columns.has(each.by) && each.by !== by)] : [];
  return withoutEmpty({
    metrics, dimensions, filters, order, time,
    limit: Number(field("limit")) === DEFAULT_LIMIT ? null : Number(field("limit")),
    exact: form.elements.exact.checked || null,
  }, ["metrics"]);
}

function withoutEmpty(values, kept = []) {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => kept.includes(name)
    || (value !== null && value !== "" && !(typeof value === "object" && Object.keys(value).length === 0))));
}
