"use strict";

const REFRESH_MS = 3000;
const SEARCH_DELAY_MS = 180;
const SVG = "http://www.w3.org/2000/svg";
const whole = new Intl.NumberFormat("en");
const byId = (id) => document.getElementById(id);

/** Create an element with text or children; the text is never parsed as markup. */
function make(name, { cls, text, children = [], attributes = {} } = {}) {
  const element = document.createElement(name);
  if (cls) element.className = cls;
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function draw(name, attributes = {}, children = []) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

function facts(list, rows) {
  list.replaceChildren(...rows.map(([name, value]) =>
    make("div", { children: [make("dt", { text: name }), make("dd", { text: value })] })));
}

function ago(time, now) {
  if (!time) return "never";
  const seconds = Math.max(0, (now - new Date(time)) / 1000);
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${Math.floor(seconds)} s ago`;
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 90 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(1)} min`;
}

/* Users */

function showUsers(users) {
  byId("total").textContent = whole.format(users.total_users);
  const shares = Object.entries(users.status_distribution);
  const total = Math.max(1, users.total_users);
  byId("stack").replaceChildren(...shares.filter(([, count]) => count > 0).map(([status, count]) => {
    const part = make("span", { cls: status });
    part.style.width = `${(100 * count) / total}%`;
    return part;
  }));
  byId("statuses").replaceChildren(...shares.map(([status, count]) =>
    make("div", { cls: status, children: [
      make("dt", { text: status }),
      make("dd", { text: whole.format(count), children: [make("small", { text: percent(count / total) })] }),
    ] })));
}

function percent(share) {
  if (share > 0 && share < 0.01) return "<1 %";
  return `${Math.round(100 * share)} %`;
}

/* Listener */

function showListener(changes, now) {
  const isRunning = changes.owner !== null;
  const lag = byId("lag");
  lag.textContent = !isRunning ? "not running" : changes.lag_s === null ? changes.state
    : changes.lag_s === 0 ? "caught up" : `${duration(changes.lag_s)} behind`;
  facts(byId("listener-facts"), [
    ["State", isRunning ? changes.state : "no listener holds the lease"],
    ["Changes applied", whole.format(changes.applied)],
    ["Gaps, dead letters", `${whole.format(changes.gaps)}, ${whole.format(changes.dead_letters)}`],
    ["Heartbeat", ago(changes.heartbeat_at, now)],
  ]);
}

/* Registrations per day */

function everyDay(trend, now, days) {
  const counts = new Map(trend.map(({ date, count }) => [date, count]));
  const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  return Array.from({ length: days }, (_, index) => {
    const date = new Date(today - (days - 1 - index) * 86400000).toISOString().slice(0, 10);
    return { date, count: counts.get(date) ?? 0 };
  });
}

function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= value);
}

const shortDay = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });

function showTrend({ registration_trends: trend }, now, days) {
  const series = everyDay(trend, now, days);
  const sum = series.reduce((total, { count }) => total + count, 0);
  byId("trend-note").textContent = sum
    ? `${whole.format(sum)} in ${days} days, ${whole.format(series.at(-1).count)} today (UTC)`
    : `None in the last ${days} days`;
  const box = byId("trend");
  const width = Math.max(280, box.clientWidth);
  const height = Math.max(170, box.clientHeight);
  const left = 34;
  const bottom = 22;
  const top = niceCeiling(Math.max(...series.map(({ count }) => count)));
  const y = (count) => 6 + (height - bottom - 6) * (1 - count / top);
  const step = (width - left) / series.length;
  const svg = draw("svg", {
    viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Registrations per day: ${sum} in ${days} days, at most ${Math.max(...series.map(({ count }) => count))} a day`,
  });
  const lines = top === 1 ? [0, 1] : [0, top / 2, top];
  for (const line of lines) {
    svg.append(draw("line", { class: "rule", x1: left, x2: width, y1: y(line), y2: y(line) }));
    const label = draw("text", { x: left - 8, y: y(line) + 4, "text-anchor": "end" });
    label.textContent = new Intl.NumberFormat("en", { notation: "compact" }).format(line);
    svg.append(label);
  }
  series.forEach(({ date, count }, index) => {
    const x = left + index * step;
    const title = draw("title");
    title.textContent = `${shortDay.format(new Date(date))}: ${whole.format(count)}`;
    const tall = Math.max(count ? 1.5 : 0, y(0) - y(count));
    svg.append(draw("g", {}, [
      title,
      draw("rect", { class: "hit", x, y: 0, width: step, height: height - bottom }),
      draw("rect", { class: "day", x: x + step * 0.14, y: y(0) - tall, width: step * 0.72, height: tall, rx: Math.min(2, step * 0.2) }),
    ]));
  });
  const labels = width < 480 ? 3 : 6;
  for (let index = 0; index < labels; index += 1) {
    const day = Math.round((index * (series.length - 1)) / (labels - 1));
    const anchor = index === labels - 1 ? "end" : index === 0 ? "start" : "middle";
    const x = anchor === "end" ? width : anchor === "start" ? left : left + (day + 0.5) * step;
    const label = draw("text", { x, y: height - 4, "text-anchor": anchor });
    label.textContent = shortDay.format(new Date(series[day].date));
    svg.append(label);
  }
  box.replaceChildren(svg);
}

/* Runs */

function showLastRun(runs, last, now) {
  if (!last) {
    byId("last-figure").textContent = runs.length ? runs[0].state : "none yet";
    facts(byId("last-facts"), []);
    return;
  }
  byId("last-figure").textContent = ago(last.finished_at, now);
  const changed = last.counts.inserted + last.counts.updated + last.counts.deactivated;
  facts(byId("last-facts"), [
    ["Outcome", `${last.state}, ${last.source}`],
    ["Read", whole.format(last.counts.read)],
    ["Changed", whole.format(changed)],
    ["Speed", last.records_per_s ? `${whole.format(Math.round(last.records_per_s))} records/s` : "–"],
  ]);
}

function showRuns(runs, now) {
  const numbers = ["read", "inserted", "updated", "unchanged", "quarantined", "deactivated"];
  byId("runs").replaceChildren(...runs.map((run) => make("tr", { children: [
    make("td", { text: run.source, children: [make("span", { cls: "trigger", text: run.dry_run ? `${run.trigger}, dry run` : run.trigger })] }),
    make("td", { children: [make("span", { cls: `badge ${run.state}`, text: run.state, attributes: run.error ? { title: run.error } : {} })] }),
    make("td", { text: run.started_at ? ago(run.started_at, now) : "waiting", attributes: { title: run.started_at ?? "" } }),
    ...numbers.map((name) => make("td", { cls: run.counts[name] ? "number" : "number zero", text: whole.format(run.counts[name]) })),
    make("td", { cls: "number", text: duration(run.duration_s) }),
    make("td", { cls: "number", text: run.records_per_s ? whole.format(Math.round(run.records_per_s)) : "–" }),
  ] })));
  if (!runs.length) {
    const hint = "No run yet. Sources are set in docustore.toml; POST /etl/trigger starts one.";
    byId("runs").append(make("tr", { children: [make("td", { cls: "empty", text: hint, attributes: { colspan: "11" } })] }));
  }
}

/* Quarantine */

function showQuarantine(reasons) {
  const most = Math.max(1, ...reasons.map(({ records }) => records));
  byId("quarantine-note").textContent = reasons.length ? "" : "No open records.";
  byId("reasons").replaceChildren(...reasons.slice(0, 7).map(({ code, pointer, records }) => {
    const level = make("span");
    level.style.width = `${(100 * records) / most}%`;
    return make("li", { children: [
      make("span", { text: code.replaceAll("_", " "), children: [make("span", { cls: "where", text: pointer.slice(1).replaceAll("/", ".") })] }),
      make("b", { text: whole.format(records) }),
      make("span", { cls: "meter", children: [level], attributes: { "aria-hidden": "true" } }),
    ] });
  }));
}

/* Search */

let searching = null;

async function search() {
  const text = byId("q").value.trim();
  searching?.abort();
  if (!text) {
    await showNewest();
    return;
  }
  searching = new AbortController();
  const response = await ask(`/users/search?limit=10&q=${encodeURIComponent(text)}`, searching.signal);
  if (!response) return;
  const found = await response.json();
  if (!response.ok) {
    byId("matches").textContent = found.errors?.[0]?.detail ?? found.detail;
    byId("results").replaceChildren();
    return;
  }
  const total = found.total > 1000 ? "More than 1,000" : whole.format(found.total);
  byId("matches").textContent = `${total} ${found.total === 1 ? "user" : "users"}${found.total > 10 ? ", showing the 10 newest" : ""}`;
  showResults(found.users);
}

async function showNewest() {
  const response = await ask("/users?limit=5");
  if (!response?.ok) return;
  byId("matches").textContent = "The newest users";
  showResults((await response.json()).items);
}

function showResults(users) {
  byId("results").replaceChildren(...users.map((user) => make("tr", { children: [
    make("td", { cls: "name", text: user.full_name || "–" }),
    make("td", { text: user.email }),
    make("td", { children: [make("span", { cls: `badge ${user.status}`, text: user.status })] }),
    make("td", { text: user.profile.location ?? "–" }),
    make("td", { text: user.created_at ? user.created_at.slice(0, 10) : "–" }),
  ] })));
  if (!users.length) {
    const hint = "No users found. The search matches the beginning of words.";
    byId("results").append(make("tr", { children: [make("td", { cls: "empty", text: hint, attributes: { colspan: "5" } })] }));
  }
}

/* The page */

/** Fetch a path; null if the server does not answer or a newer search aborted this one. A 401 opens the login page. */
async function ask(path, signal) {
  try {
    const response = await fetch(path, { signal, headers: { Accept: "application/json" } });
    if (response.status === 401) window.location.assign("/login");
    return response;
  } catch {
    return null;
  }
}

function showFreshness(isLive) {
  const line = byId("freshness");
  line.className = `freshness ${isLive ? "live" : "away"}`;
  const text = isLive ? "live" : "the server does not answer; retrying";
  if (line.textContent !== text) line.textContent = text;
}

let shown = null;

async function refresh() {
  const response = document.hidden ? null : await ask("/dashboard/summary");
  if (response?.ok) {
    const summary = await response.json();
    shown = summary;
    const now = new Date(summary.now);
    showUsers(summary.users);
    showListener(summary.changes, now);
    showLastRun(summary.runs, summary.last_run, now);
    showTrend(summary.users, now, summary.trend_days);
    showQuarantine(summary.quarantine);
    showRuns(summary.runs, now);
  }
  if (!document.hidden) showFreshness(Boolean(response?.ok));
  window.setTimeout(refresh, REFRESH_MS);
}

window.addEventListener("resize", () => shown && showTrend(shown.users, new Date(shown.now), shown.trend_days));

let typed = 0;
byId("q").addEventListener("input", () => {
  window.clearTimeout(typed);
  typed = window.setTimeout(search, SEARCH_DELAY_MS);
});
byId("logout").addEventListener("click", async () => {
  await fetch("/logout", { method: "POST" });
  window.location.assign("/login");
});
refresh();
showNewest();
