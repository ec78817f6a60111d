/** Requests to the API. A failure is a `Problem`: the answer of the API, or a word on why there is none. */

const JSON_TYPE = "application/json";
export const RETURN_TO = "docustore.return";

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
  return (await ask(path, options)).json();
}

/** Read a document and its `ETag`. */
export async function getTagged(path, options) {
  const response = await ask(path, options);
  return [await response.json(), response.headers.get("ETag")];
}

/** Post; null if the answer has no body. */
export async function post(path, body, options) {
  const text = await (await ask(path, { method: "POST", body, ...options })).text();
  return text ? JSON.parse(text) : null;
}

/** Make a query string; empty values are left out. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/** Leave for the login; after it, the browser comes back to this view. */
export function goToLogin() {
  sessionStorage.setItem(RETURN_TO, window.location.hash);
  window.location.assign("/login");
}

async function problemOf(response) {
  const fallback = { title: `Answer ${response.status}`, detail: response.statusText, status: response.status };
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
