/** Licences as chips: the name, how it stands in words, and what can be done about it. */

import { isSeat, rankOf } from "../catalogue.js";
import { h } from "../ui/dom.js";

/** Lists of chips: what is licensed, what is waited for, what is not licensed and why. */
export class Chips {
  #texts;
  #does;

  /**
   * @param {import("../i18n.js").Texts} texts
   * @param {{release: function(string), wait: function(string), acquire: function(string)}} does what the buttons do,
   *   each with a licence
   */
  constructor(texts, does) {
    this.#texts = texts;
    this.#does = does;
  }

  /**
   * Draws one list anew; the focus stays with the licence that it was on, or with the list.
   * @param {HTMLElement} list
   * @param {"granted"|"waiting"|"denied"|"other"} kind
   * @param {Array<[string, string]>} licences each with its pool or reason
   * @param {boolean} isLive whether anything can be asked of the broker
   */
  draw(list, kind, licences, isLive) {
    const focused = list.contains(document.activeElement) ? document.activeElement.closest(".chip").dataset.licence : null;
    const ranked = [...licences].sort(([one], [other]) => rankOf(one) - rankOf(other));
    list.replaceChildren(...ranked.map(([licence, word]) => this.#chip(kind, licence, word, isLive)));
    if (focused === null) return;
    const same = list.querySelector(`[data-licence="${CSS.escape(focused)}"] button:enabled`);
    (same ?? list.closest("[tabindex]"))?.focus({ preventScroll: true });
  }

  #chip(kind, licence, word, isLive) {
    const dataset = { licence, kind, word };
    const buttons = this.#buttons(kind, licence, word).map(([key, work]) => this.#button(key, licence, work, isLive));
    return h("li", { class: "chip", dataset },
      h("span", { class: "chip-name" }, this.#texts.word("licence", licence)),
      h("span", { class: "chip-word" }, this.#said(kind, word)),
      buttons.length > 0 && h("span", { class: "chip-buttons" }, buttons));
  }

  #said(kind, word) {
    switch (kind) {
      case "granted":
        return this.#texts.word("pool", word);
      case "waiting":
        return this.#texts.t("desk.in_queue");
      case "denied":
        return this.#texts.word("reason", word);
      case "other":
        return this.#texts.t("desk.not_held");
    }
  }

  /** A seat goes only with the session; what is exhausted may be waited for. */
  #buttons(kind, licence, word) {
    if (kind === "denied") return word === "exhausted" && !isSeat(licence) ? [["desk.wait_for", this.#does.wait]] : [];
    if (kind === "other") return [["desk.acquire", this.#does.acquire]];
    if (isSeat(licence)) return [];
    return [[kind === "waiting" ? "desk.withdraw" : "desk.release", this.#does.release]];
  }

  #button(key, licence, work, isLive) {
    const label = this.#texts.t("desk.button_of", { button: this.#texts.t(key), licence: this.#texts.word("licence", licence) });
    const attributes = { type: "button", class: "chip-release", disabled: !isLive, "aria-label": label };
    return h("button", { ...attributes, onclick: () => work(licence) }, this.#texts.t(key));
  }
}
