/** How much of what was bought is in use: a bar, a word for it, and a sentence for who does not see it. */

import { h } from "./dom.js";

/**
 * @typedef {Object} LicenceRow a row of View Licences, as the API gives it
 * @property {string} licence
 * @property {string} model
 * @property {{total: number, used: number, available: number}} concurrent
 * @property {{total: number, used: number, available: number, max_used: number}} contingency
 * @property {{total: number, used: number, available: number}} fixed
 * @property {number} over_allocated
 */

/** @typedef {"free"|"contingency"|"full"|"over"|"none"|"fixed"|"fixed_full"|"assigned"} Status */

const TEXTS = Object.freeze({
  free: "bar.free", contingency: "bar.contingency", full: "bar.full", over: "bar.over", none: "bar.none", fixed: "bar.free",
  fixed_full: "bar.fixed_full", assigned: "bar.assigned",
});

/**
 * The state of a licence type in one word.
 *
 * @param {LicenceRow} row
 * @returns {Status}
 */
export function statusOf({ model, concurrent, contingency, fixed, over_allocated }) {
  if (model === "assigned") return "assigned";
  if (model === "fixed_seat") {
    if (fixed.total === 0 && fixed.used === 0) return "none";
    return fixed.available > 0 ? "fixed" : "fixed_full";
  }
  if (over_allocated > 0) return "over";
  if (concurrent.total + contingency.total === 0) return "none";
  if (concurrent.available > 0) return "free";
  return contingency.available > 0 ? "contingency" : "full";
}

/** The number that belongs to the word. */
function countOf(status, { concurrent, contingency, fixed, over_allocated }) {
  const counts = { free: concurrent.available, contingency: contingency.available, over: over_allocated, fixed: fixed.available };
  return counts[status] ?? 0;
}

/**
 * The state in words: `3 free`, `None left`.
 *
 * @param {import("../i18n.js").Texts} texts
 * @param {LicenceRow} row
 * @returns {string}
 */
export function statusText(texts, row) {
  const status = statusOf(row);
  return texts.t(TEXTS[status], { count: countOf(status, row) });
}

/** A bar that changes with its row. */
export class Bar {
  #texts;
  #segments;

  /** Its root. */
  element;

  /** @param {import("../i18n.js").Texts} texts */
  constructor(texts) {
    this.#texts = texts;
    const names = ["concurrent", "free", "contingency", "spare", "over"];
    this.#segments = new Map(names.map((segment) => [segment, h("i", { dataset: { segment } })]));
    this.element = h("div", { class: "bar", role: "img" }, [...this.#segments.values()]);
  }

  /** @param {LicenceRow} row */
  show(row) {
    const { model, concurrent, contingency, fixed, over_allocated } = row;
    const pool = model === "fixed_seat" ? fixed : concurrent;
    const shares = {
      concurrent: pool.used, free: pool.available, contingency: contingency.used, spare: contingency.available, over: over_allocated,
    };
    for (const [name, share] of Object.entries(shares)) {
      const segment = this.#segments.get(name);
      segment.style.setProperty("flex-grow", String(share));
      segment.hidden = share === 0;
    }
    const isEmpty = Object.values(shares).every((share) => share === 0);
    this.element.hidden = isEmpty;
    this.element.setAttribute("aria-label", this.#say(row, pool));
  }

  #say({ model, contingency, over_allocated }, { used, total }) {
    if (model === "fixed_seat") return this.#texts.t("bar.seats", { used, total });
    const parts = [this.#texts.t("bar.in_use", { used, total })];
    if (contingency.total > 0) parts.push(this.#texts.t("bar.contingency_in_use", { used: contingency.used, total: contingency.total }));
    if (over_allocated > 0) parts.push(this.#texts.t("bar.over_allocated", { count: over_allocated }));
    return this.#texts.sentences(parts);
  }
}

/**
 * What the colours mean.
 *
 * @param {import("../i18n.js").Texts} texts
 * @returns {HTMLElement} to be translated with the page
 */
export function legend(texts) {
  const entries = [
    ["concurrent", "bar.legend_concurrent"],
    ["free", "bar.legend_free"],
    ["contingency", "bar.legend_contingency"],
    ["spare", "bar.legend_spare"],
    ["over", "bar.legend_over"],
  ];
  const items = entries.map(([segment, key]) => h("li", {}, h("i", { dataset: { segment } }), h("span", { dataset: { i18n: key } }, texts.t(key))));
  return h("ul", { class: "legend", "aria-label": texts.t("bar.legend"), dataset: { i18nLabel: "bar.legend" } }, items);
}
