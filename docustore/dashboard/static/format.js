/** Numbers, sizes and times as people read them. */

import { make } from "./dom.js";

const WHOLE = new Intl.NumberFormat("en");
const MOMENT = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
const UNITS = [["d", 86400], ["h", 3600], ["min", 60]];
let ahead = 0;

/** Set the clock to that of the server. */
export function setNow(time) {
  ahead = new Date(time) - Date.now();
}

export function now() {
  return new Date(Date.now() + ahead);
}

export function number(value) {
  return value === null || value === undefined ? "–" : WHOLE.format(value);
}

export function plural(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

export function percent(share) {
  if (share === null || share === undefined) return "–";
  if (share > 0 && share < 0.01) return "<1 %";
  return `${Math.round(100 * share)} %`;
}

/** A score from 0 to 100, with the decimals of the report; only one without any violation is shown as 100. */
export function scoreText(score) {
  if (score === null || score === undefined) return "–";
  const rounded = Math.round(100 * score) / 100;
  return String(score < 100 ? Math.min(rounded, 99.99) : rounded);
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${seconds.toFixed(1)} s`;
  const [unit, size] = UNITS.find(([, each]) => seconds >= 2 * each) ?? ["min", 60];
  return `${(seconds / size).toFixed(1)} ${unit}`;
}

export function bytes(size) {
  if (size < 1000) return `${size} bytes`;
  return size < 1e6 ? `${(size / 1e3).toFixed(1)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}

/** What another client stored as a time may be none: it is then shown as it is. */
function isTime(value) {
  return !Number.isNaN(new Date(value).getTime());
}

/** A moment in the time zone of the browser. */
export function moment(time) {
  if (!time) return "–";
  return isTime(time) ? make("time", { datetime: time }, MOMENT.format(new Date(time))) : String(time);
}

export function day(time) {
  if (!time) return "–";
  return isTime(time) ? MOMENT.format(new Date(time)).slice(0, 10) : String(time);
}

/** How long ago; the text follows the clock. */
export function since(time, { never = "never" } = {}) {
  if (time && !isTime(time)) return String(time);
  return time ? make("time", { datetime: time, "data-since": "" }, distance(time)) : never;
}

/** A moment and how long ago it is, for detail pages. */
export function momentSince(time, options) {
  return time && isTime(time) ? make("span", {}, moment(time), make("small", {}, since(time))) : since(time, options);
}

function distance(time) {
  const seconds = (now() - new Date(time)) / 1000;
  const length = Math.abs(seconds);
  const [unit, size] = UNITS.find(([, each]) => length >= each) ?? ["s", 1];
  const text = `${Math.floor(length / size)} ${unit}`;
  return seconds < -0.5 ? `in ${text}` : `${text} ago`;
}

window.setInterval(() => {
  for (const element of document.querySelectorAll("time[data-since]")) {
    const text = distance(element.dateTime);
    if (element.textContent !== text) element.textContent = text;
  }
}, 1000);

/** A value of a document, in one line. */
export function shown(value) {
  if (value === null || value === undefined) return "none";
  if (value === "") return "(empty text)";
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value.join(", ") || "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}
