/** The HTTP API as pages use it: one organisation, the token of whoever is signed in. */

import { ApiError, call } from "./call.js";

export { ApiError, isAbort } from "./call.js";

/** The longest page that every list gives. */
const PAGE_MAX = 1_000;

/**
 * Paths are relative to the organisation, unless they begin with `/`. All throw {@link ApiError}. A token that is
 * over is asked for anew, and the request made again: what was typed stays where it is.
 */
export class Api {
  #session;

  /** @param {import("./session.js").Session} session */
  constructor(session) {
    this.#session = session;
  }

  /**
   * @param {string} path
   * @param {Object<string, *>|URLSearchParams} [query]
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<*>} what the answer says
   */
  async get(path, query, { signal } = {}) {
    return (await this.#call(path, { query, signal })).json();
  }

  /**
   * As `get`, with the version that a change can be made for.
   *
   * @param {string} path
   * @param {Object<string, *>|URLSearchParams} [query]
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<{data: *, etag: string|null}>}
   */
  async read(path, query, { signal } = {}) {
    const response = await this.#call(path, { query, signal });
    return { data: await response.json(), etag: response.headers.get("etag") };
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {*} [body] JSON; a text or a blob goes as it is, with `contentType`
   * @param {{ifMatch?: string, signal?: AbortSignal, contentType?: string, query?: Object<string, *>}} [options]
   * @returns {Promise<{data: *, etag: string|null}>} `data` is null where the answer has no body
   */
  async send(method, path, body, { ifMatch, signal, contentType, query } = {}) {
    const response = await this.#call(path, { method, body, ifMatch, signal, contentType, query });
    const text = await response.text();
    return { data: text === "" ? null : JSON.parse(text), etag: response.headers.get("etag") };
  }

  /**
   * One page of a list.
   *
   * @param {string} path
   * @param {Object<string, *>} [query]
   * @param {string|null} [cursor] of the page before
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<{items: Array, next_cursor: string|null}>}
   */
  page(path, query, cursor, options) {
    return this.get(path, { ...query, cursor }, options);
  }

  /**
   * A whole list, page after page, up to a bound.
   *
   * @param {string} path
   * @param {Object<string, *>} [query]
   * @param {{signal?: AbortSignal, items_max?: number}} [options]
   * @returns {Promise<{items: Array, isWhole: boolean}>}
   */
  async all(path, query, { signal, items_max = 20_000 } = {}) {
    const items = [];
    let cursor = null;
    do {
      const page = await this.page(path, { limit: PAGE_MAX, ...query }, cursor, { signal });
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor && items.length < items_max);
    return { items, isWhole: cursor === null };
  }

  /**
   * Saves a report as CSV.
   *
   * @param {string} path
   * @param {Object<string, *>} query
   * @param {string} filename
   * @param {{method?: string, body?: *}} [options] of reports that are asked for with a body
   */
  async download(path, query, filename, { method, body } = {}) {
    const response = await this.#call(path, { query, method, body, accept: "text/csv" });
    const url = URL.createObjectURL(await response.blob());
    const link = document.createElement("a");
    link.href = url;
    link.download = filename;
    link.click();
    // The browser takes it within this turn; what is not given back stays in memory.
    setTimeout(() => URL.revokeObjectURL(url));
  }

  /**
   * @param {?string} [refused] a token that a socket was refused with
   * @returns {Promise<string>} a token that is good, for sockets
   */
  async token(refused = null) {
    const { token, isOver } = this.#session;
    const isSpent = isOver || token === refused;
    if (isSpent && !(await this.#session.renew(token))) throw new ApiError(401, { type: "unauthorised" });
    return this.#session.token;
  }

  async #call(path, settings) {
    const { token, organisation } = this.#session;
    const whole = path.startsWith("/") ? path : `/v1/organisations/${organisation}${path === "" ? "" : `/${path}`}`;
    try {
      return await call(whole, { ...settings, token });
    } catch (error) {
      if (error.status !== 401 || !(await this.#session.renew(token))) throw error;
      return call(whole, { ...settings, token: this.#session.token });
    }
  }
}
