/** Requests to the API. A failure is a `Problem`: the answer of the API, or a word on why there is none. */

const JSON_TYPE = "application/json";
const RETURN_TO = "docustore.return";

export class Problem extends Error {
  constructor({ title, detail, status = 0, errors = [], next_step = null, request_id = null }) {
    super(detail || title);
    Object.assign(this, { title, detail, status, errors, nextStep: next_step, requestId: request_id });
  }
}

const UNREACHABLE = {
  title: "The server does not answer",
  detail: "The request did not reach docustore, or the connection broke.",
  next_step: "Check that docustore runs and that this computer reaches it, then retry.",
};

const LATE = {
  title: "The server does not answer in time",
  detail: "The request was sent, and no answer has come.",
  next_step: "Run `docustore doctor` on the server, then retry.",
};
const UNREADABLE = {
  title: "The answer cannot be read",
  detail: "It is no document of docustore: a proxy or a login of the network may have answered.",
  next_step: "Open the address of docustore in a new tab, then retry.",
};
// Every figure is read from an index, so what takes longer will not come.
const DEADLINE_MS = 30_000;
let isLeaving = false;

/** Send a request and return the response; raise a `Problem` for every answer but a good one. */
export async function ask(path, { method = "GET", body, headers = {}, signal } = {}) {
  const options = { method, signal, headers: { Accept: JSON_TYPE, ...headers } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = JSON_TYPE;
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(UNREACHABLE);
  }
  if (response.status === 401) goToLogin();
  if (!response.ok) throw await problemOf(response);
  return response;
}

export async function get(path, options) {
  return (await getTagged(path, options))[0];
}

/** Read a document and its `ETag`. */
export async function getTagged(path, { signal, ...options } = {}) {
  const deadline = new AbortController();
  const timer = window.setTimeout(() => deadline.abort(), DEADLINE_MS);
  try {
    const response = await ask(path, { ...options, signal: signal ? AbortSignal.any([signal, deadline.signal]) : deadline.signal });
    return [documentOf(await response.text()), response.headers.get("ETag")];
  } catch (error) {
    throw deadline.signal.aborted && !signal?.aborted ? new Problem(LATE) : error;
  } finally {
    window.clearTimeout(timer);
  }
}

/** Post; null if the answer has no body. */
export async function post(path, body, options) {
  const text = await (await ask(path, { method: "POST", body, ...options })).text();
  return text ? documentOf(text) : null;
}

function documentOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(UNREADABLE);
  }
}

/** Make a query string; empty values are left out. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/** Leave for the login, once; after it, the browser comes back to this view if `comesBack`. */
export function goToLogin({ comesBack = true } = {}) {
  // Each request of the page may be refused, and a second navigation would abort the first.
  if (isLeaving) return;
  isLeaving = true;
  if (comesBack) sessionStorage.setItem(RETURN_TO, window.location.hash);
  window.location.assign("/login");
}

// The browser's way back may show this page again, with its variables as they were.
window.addEventListener("pagehide", () => { isLeaving = false; });

async function problemOf(response) {
  const detail = [502, 503, 504].includes(response.status) ? "docustore has not answered; a proxy before it has." : response.statusText;
  const fallback = { title: `Answer ${response.status}`, detail: detail || "The answer says no more.", status: response.status };
  try {
    const found = await response.json();
    return new Problem({ ...fallback, ...found, next_step: await nextStepOf(found.type) });
  } catch {
    return new Problem(fallback);
  }
}

async function nextStepOf(type) {
  try {
    const response = await fetch(type, { headers: { Accept: JSON_TYPE } });
    return response.ok ? (await response.json()).next_step : null;
  } catch {
    return null;
  }
}
