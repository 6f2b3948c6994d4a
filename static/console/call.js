/** One request to the broker, and what goes wrong with it in one shape. */

const PROBLEMS = "/problems/";

/** What the broker answered instead of what was asked for (RFC 9457), or that it could not be reached. */
export class ApiError extends Error {
  /** The HTTP status; 0 if there was no answer. */
  status;
  /** The problem's kind without its path: `validation`, `changed`…; `unreachable` if there was no answer. */
  type;
  title;
  detail;
  /** The field or parameter that is meant, if one is. */
  field;
  /** Several of them: `{field, detail}` each. */
  errors;
  /** What to say instead, in the language that is shown; only where a page knows better. */
  words;
  /** All members of the problem. */
  document;
  /** When to come back, if the broker says so. */
  retry_after_s;

  /** @param {number} status @param {Object} document @param {number|null} [retry_after_s] */
  constructor(status, document, retry_after_s = null) {
    super(document.title ?? `HTTP ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.type = String(document.type ?? "internal").replace(PROBLEMS, "");
    this.title = document.title;
    this.detail = document.detail;
    this.field = document.field;
    this.errors = document.errors;
    this.words = document.words;
    this.document = document;
    this.retry_after_s = retry_after_s;
  }
}

/**
 * @param {*} error
 * @returns {boolean} whether it only says that nobody waits for the answer any more
 */
export function isAbort(error) {
  return error?.name === "AbortError";
}

/**
 * @typedef {Object} Call
 * @property {string} [method]
 * @property {Object<string, *>|URLSearchParams} [query] null, undefined and "" are left out, lists get commas
 * @property {*} [body] sent as JSON, unless it is a text or a blob, which are sent as they are
 * @property {string} [contentType] of such
 * @property {string} [accept]
 * @property {string} [ifMatch]
 * @property {string} [token]
 * @property {AbortSignal} [signal]
 */

/**
 * @param {string} path
 * @param {Call} [call]
 * @returns {Promise<Response>} a good one
 * @throws {ApiError}
 */
export async function call(path, { method = "GET", query, body, contentType, accept, ifMatch, token, signal } = {}) {
  const isRaw = typeof body === "string" || body instanceof Blob;
  const headers = new Headers({ accept: accept ?? "application/json" });
  if (token) headers.set("authorization", `Bearer ${token}`);
  if (ifMatch) headers.set("if-match", ifMatch);
  if (body !== undefined) headers.set("content-type", contentType ?? "application/json");
  // Where a redirection leads, only the browser may know: see `elsewhere`.
  const redirect = "manual";
  const options = { method, headers, signal, redirect, cache: "no-store", body: isRaw || body === undefined ? body : JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path + search(query), options);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, { type: "unreachable" });
  }
  if (response.ok) return response;
  if (response.type === "opaqueredirect") throw await elsewhere(path, headers);
  throw new ApiError(response.status, await problemOf(response), retryAfter(response));
}

/**
 * Another node serves the organisation now: the console goes there, with the page that is shown. Whoever sits there signs
 * in anew, for tokens stay in the tab of their origin.
 */
async function elsewhere(path, headers) {
  const [base] = path.match(/^\/v1\/organisations\/\d+/) ?? [];
  const answer = base && (await fetch(`${base}/endpoint`, { headers, cache: "no-store" }).catch(() => null));
  if (!answer?.ok) return new ApiError(0, { type: "unreachable" });
  const { url, here } = await answer.json();
  if (!here) globalThis.location.assign(url + globalThis.location.pathname + globalThis.location.hash);
  return new ApiError(307, { type: "moved", title: url });
}

/**
 * @param {Object<string, *>|URLSearchParams} [query] see `Call`
 * @returns {string} with its `?`, or nothing
 */
export function search(query) {
  const given = query instanceof URLSearchParams ? [...query] : Object.entries(query ?? {});
  const named = given.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const parameters = new URLSearchParams(named.map(([name, value]) => [name, String(value)]));
  return parameters.size > 0 ? `?${parameters}` : "";
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return { title: response.statusText }; // something between here and the broker answered
  }
}

function retryAfter(response) {
  const seconds = Number(response.headers.get("retry-after"));
  return seconds > 0 ? seconds : null;
}
