/** Charts of bars and lines, drawn to the width of their place. The numbers are also a table. */

import { draw, make } from "./dom.js";
import { number } from "./format.js";
import { table } from "./tables.js";

const HEIGHT = 220;
const EDGE = { left: 46, right: 4, top: 10, bottom: 24 };
const GAP_BETWEEN_LABELS = 84;
const LABEL_WIDTH = 52;

/**
 * Draw values over a common axis.
 *
 * Args:
 *   points: `{ label, value, before, tick }`, in order; `value` may be null, `before` is that of the period before,
 *     `tick` is the text at the axis if it is not the label.
 *   kind: `bar` or `line`. A line may begin above zero (`from`); bars never do.
 */
export function chart({ label, points, kind = "bar", format = number, from = 0, upTo = null, before = null, height = HEIGHT }) {
  const readout = make("p", { class: "readout", "aria-live": "polite" });
  const place = make("div", { class: "chart", tabindex: "0", role: "img", "aria-label": summaryOf(label, points, format) });
  place.style.height = `${height}px`;
  const state = { points, kind, format, from, upTo, height, chosen: null };
  const render = () => place.clientWidth && place.replaceChildren(drawn(place.clientWidth, state));
  const choose = (index) => {
    state.chosen = index === null ? null : Math.min(points.length - 1, Math.max(0, index));
    readout.textContent = state.chosen === null ? "" : described(points[state.chosen], format, before);
    render();
  };
  place.addEventListener("pointermove", (event) => choose(indexAt(event, place, points.length)));
  place.addEventListener("pointerleave", () => choose(null));
  place.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    choose(state.chosen === null ? (step > 0 ? 0 : points.length - 1) : state.chosen + step);
  });
  new ResizeObserver(render).observe(place);
  return make("figure", { class: "chart-figure" }, place, readout, numbersOf(label, points, format, before));
}

function drawn(width, { points, kind, format, from, upTo, height, chosen }) {
  const values = points.flatMap((point) => [point.value ?? from, point.before ?? from]);
  const steps = axisSteps(from, upTo ?? Math.max(from, ...values), height > 150 ? 4 : 2);
  const top = steps.at(-1);
  const [innerWidth, innerHeight] = [width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom];
  const y = (value) => EDGE.top + innerHeight * (1 - (value - from) / Math.max(top - from, 1e-9));
  const slot = innerWidth / Math.max(1, points.length);
  const x = (index) => EDGE.left + slot * index;
  const lines = steps.map((value) => [
    draw("line", { class: "rule", x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }),
    draw("text", { x: EDGE.left - 8, y: y(value) + 4, "text-anchor": "end" }, format(value)),
  ]);
  const every = Math.max(1, Math.ceil(GAP_BETWEEN_LABELS / slot));
  const isWide = slot > GAP_BETWEEN_LABELS;
  const labels = points.flatMap((point, index) => {
    // A label that the edge would cut is left out; the readout and the table have it.
    if (index % every || (!isWide && index > 0 && width - x(index) < LABEL_WIDTH)) return [];
    return [draw("text", { x: x(index) + (isWide ? slot / 2 : 0), y: height - 6, "text-anchor": isWide ? "middle" : "start" }, point.tick ?? point.label)];
  });
  const marks = kind === "bar" ? bars(points, { x, y, slot, from, chosen }) : line(points, { x, y, slot, chosen });
  return draw("svg", { width, height, "aria-hidden": "true" }, lines, marks, labels);
}

function bars(points, { x, y, slot, from, chosen }) {
  const wide = Math.min(56, Math.max(1, slot * 0.74));
  const bar = (cls, value, index, share, shift) => value > from && draw("rect", {
    class: cls, x: x(index) + (slot - wide) / 2 + shift * wide, y: y(value), width: wide * share,
    height: Math.max(1, y(from) - y(value)), rx: Math.min(2, (wide * share) / 4) });
  return points.map((point, index) => {
    const hasBefore = point.before !== undefined && point.before !== null;
    return [
      hasBefore && bar("before", point.before, index, 0.45, 0),
      bar(index === chosen ? "bar chosen" : "bar", point.value, index, hasBefore ? 0.5 : 1, hasBefore ? 0.5 : 0),
    ];
  });
}

function line(points, { x, y, slot, chosen }) {
  const known = points.map((point, index) => ({ ...point, at: x(index) + slot / 2, index }))
    .filter((point) => point.value !== null && point.value !== undefined);
  const path = known.map((point, index) => `${index ? "L" : "M"}${point.at} ${y(point.value)}`).join("");
  return [
    path && draw("path", { class: "line", d: path }),
    known.filter((point) => known.length < 32 || point.index === chosen).map((point) =>
      draw("circle", { class: "dot", cx: point.at, cy: y(point.value), r: point.index === chosen ? 5 : 3 })),
  ];
}

/** Round steps of an axis: 1, 2 or 5 times a power of ten. */
function axisSteps(from, to, wanted) {
  const rough = Math.max((to - from) / wanted, 1e-9);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough), from === 0 ? 1 : 0);
  const count = Math.max(1, Math.ceil((to - from) / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, index) => from + index * step);
}

function indexAt(event, place, count) {
  const box = place.getBoundingClientRect();
  return Math.floor(((event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right)) * count);
}

function described({ label, value, before: earlier }, format, before) {
  const rest = before && earlier !== undefined && earlier !== null ? `, ${before}: ${format(earlier)}` : "";
  return `${label}: ${value === null ? "unknown" : format(value)}${rest}`;
}

function summaryOf(label, points, format) {
  if (!points.length) return label;
  const best = points.reduce((a, b) => ((b.value ?? -Infinity) > (a.value ?? -Infinity) ? b : a));
  return `${label}, ${points[0].label} to ${points.at(-1).label}; highest: ${best.label} with `
    + `${best.value === null ? "no value" : format(best.value)}. Arrow keys read the values.`;
}

function numbersOf(label, points, format, before) {
  const columns = [
    { title: "", cell: (point) => point.label },
    { title: "Value", cell: (point) => (point.value === null ? "–" : format(point.value)), cls: "number" },
    before && { title: before, cell: (point) => format(point.before ?? null), cls: "number" },
  ].filter(Boolean);
  const details = make("details", { class: "numbers", "data-key": `numbers ${label}` }, make("summary", {}, "Show the numbers"));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(table(label, columns, points));
  });
  return details;
}

/** Shares as rows with bars: `{ name, value, cell }`; `name` is a text or an element. */
export function shareBars(rows, { format = number, of = null, tone = "" } = {}) {
  const most = of ?? Math.max(1, ...rows.map(({ value }) => value ?? 0));
  return make("ol", { class: `shares ${tone}` }, rows.map(({ name, value, note }) => {
    const level = make("span");
    level.style.width = `${Math.max(0, Math.min(100, (100 * (value ?? 0)) / most))}%`;
    return make("li", {}, make("span", { class: "share-name" }, name), note && make("small", {}, note),
      make("b", {}, value === null ? "–" : format(value)), make("span", { class: "meter", "aria-hidden": "true" }, level));
  }));
}
