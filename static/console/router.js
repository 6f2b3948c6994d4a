/** Where one is: `#/holders?licence=agent_email`. Every view, with its filters, is a link. */

import { search } from "./call.js";

/**
 * @param {string} route
 * @param {Object<string, *>|URLSearchParams} [params] null, undefined and "" are left out
 * @returns {string} what a link to it says
 */
export function href(route, params) {
  return `#/${route}${search(params)}`;
}

/** Events: `change`, also when the address is changed by hand or by the browser's buttons. */
export class Router extends EventTarget {
  #listener = null;

  /** The name of the page; empty where the address names none. */
  route = "";
  params = new URLSearchParams();

  start() {
    this.stop();
    this.#listener = () => this.#read();
    window.addEventListener("hashchange", this.#listener);
    this.#read();
  }

  stop() {
    window.removeEventListener("hashchange", this.#listener);
  }

  /**
   * @param {string} route
   * @param {Object<string, *>|URLSearchParams} [params]
   * @param {{replace?: boolean}} [options] `replace` changes the address and nothing else: whoever says so has
   *   drawn it already
   */
  navigate(route, params, { replace = false } = {}) {
    const hash = href(route, params);
    if (!replace) {
      location.hash = hash;
      return;
    }
    history.replaceState(null, "", hash);
    this.#parse();
  }

  #read() {
    this.#parse();
    this.dispatchEvent(new Event("change"));
  }

  #parse() {
    const [route, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    this.route = route;
    this.params = new URLSearchParams(query);
  }
}
