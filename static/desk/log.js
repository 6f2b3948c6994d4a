/** The last messages, as they went over the line; for whoever builds a desktop of their own. */

import { h } from "../ui/dom.js";

const LINES_MAX = 50;
/** They come every few seconds and tell a reader nothing. */
const UNLOGGED = new Set(["ping", "pong"]);

/**
 * Puts a message on top of the log.
 * @param {HTMLElement} log
 * @param {{direction: "in"|"out", message: object}} frame as the client tells it: without its secrets
 * @param {string} time
 */
export function logFrame(log, { direction, message }, time) {
  if (UNLOGGED.has(message.type)) return;
  log.prepend(h("li", { dataset: { direction, type: message.type } },
    h("time", {}, time),
    h("span", { class: "log-arrow" }, direction === "out" ? "→" : "←"),
    h("code", {}, JSON.stringify(message))));
  while (log.children.length > LINES_MAX) log.lastElementChild.remove();
}
