/** The answer to a question: a chart where one fits, the table, what it means, and a file. */

import { make, replaceParts } from "../dom.js";
import { csvOf, saveFile } from "../files.js";
import { moment, number } from "../format.js";
import { panel } from "../panels.js";
import { empty, longText, notice } from "../states.js";
import { moreButton, table } from "../tables.js";
import { queryChart } from "./query_chart.js";

const ROWS_SHOWN = 100;
const ANSWERED_BY = { mart: "the live counters", pipeline: "an aggregation over the users" };
const NUMBERS = new Set(["integer", "number"]);

/** `name` is that of a file, `bucket` that of the question. */
export function answerPanel(answer, { name, bucket }) {
  const { columns, rows } = answer;
  const file = make("button", { type: "button", class: "button", on: { click: () =>
    saveFile(new Blob([csvOf(columns.map((each) => each.name), rows)], { type: "text/csv" }), `${name}.csv`) } }, "Export CSV");
  return panel({ title: "Answer", actions: rows.length ? [file] : [] }, make("div", { class: "panel-body" },
    make("p", { class: "note", id: "answered", role: "status" }, sourceWords(answer)),
    answer.is_truncated && notice("wait", `There are more rows than the limit: these are the first ${number(rows.length)}.`),
    !answer.is_exact && notice("wait", "Not exact: users that another client removed are left out, or counted where they were last."),
    rows.length ? [queryChart(answer, bucket), rowsPart(columns, rows)] : empty("No rows", "No user matches the filters and the range."),
    make("dl", { class: "meanings note" }, Object.entries(answer.metrics).map(([metric, about]) =>
      make("div", {}, make("dt", {}, metric), make("dd", {}, about.meaning, addWords(about)))))));
}

function sourceWords({ rows, source, as_of: asOf }) {
  return [`${number(rows.length)} ${rows.length === 1 ? "row" : "rows"}, answered by ${ANSWERED_BY[source] ?? source}`,
    asOf && [", as of ", moment(asOf)], "."].flat();
}

function addWords({ additivity, not_over: notOver }) {
  if (additivity !== "additive") return "; never add or average these values";
  return notOver.length ? `; do not add values over ${notOver.join(", ")}` : "";
}

function rowsPart(columns, rows) {
  const region = make("div", { class: "panel-body" });
  const show = (limit) => replaceParts(region, [
    table("Answer", columns.map(({ name, kind, type }, index) => ({
      title: name.replaceAll("_", " "),
      cls: NUMBERS.has(type) ? "number" : "text",
      cell: (row) => cellOf(row[index], kind),
    })), rows.slice(0, limit)),
    moreButton(rows.length > limit, () => show(limit + 10 * ROWS_SHOWN)),
  ]);
  show(ROWS_SHOWN);
  return region;
}

function cellOf(value, kind) {
  if (value === null) return "–";
  // A bucket is its first moment; the hour matters only where it is not midnight.
  if (kind === "bucket") return value.slice(11, 16) === "00:00" ? value.slice(0, 10) : `${value.slice(0, 10)} ${value.slice(11, 16)} ${value.slice(19)}`;
  return typeof value === "number" ? number(value) : value;
}

export function explanationPanel({ explanation }) {
  const { source, reason, estimate, refused, timeout_ms: timeout, pipeline } = explanation;
  return panel({ title: "How it would be answered" }, make("div", { class: "panel-body" },
    make("p", {}, `By ${ANSWERED_BY[source] ?? source}: ${reason}.`),
    refused && notice("bad", `The aggregation would be refused: ${refused}`),
    make("p", { class: "note" }, `An aggregation would read about ${number(estimate.documents)} documents for about ${number(estimate.groups)} rows, and stop after ${number(timeout)} ms.`),
    make("p", { class: "label" }, "Pipeline"), longText(JSON.stringify(pipeline, null, 2))));
}
