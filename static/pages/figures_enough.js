/** The answer in words: how many licences of a type would have been enough in a range. */

import { isSeat } from "../catalogue.js";
import { h, said, setText } from "../ui/dom.js";
import { explain } from "../ui/form.js";

export class Enough {
  #texts;
  #zone;
  #shown = null;
  #parts;

  /** A panel with the answer, and how it comes about. */
  element;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {import("../ui/zone.js").Zone} settings.zone
   */
  constructor({ texts, zone }) {
    this.#texts = texts;
    this.#zone = zone;
    this.#parts = { answer: h("p", { class: "answer", id: "figures-answer" }), why: h("p", {}) };
    this.element = h("section", { class: "panel", "aria-labelledby": "figures-enough" },
      said(texts, "h2", "figures.enough", { id: "figures-enough" }), this.#parts.answer, this.#parts.why);
  }

  /** @param {Object} shown what the page shows */
  show(shown) {
    this.#shown = shown;
    this.translate();
  }

  /** @returns {string} the answer as it stands there */
  get text() {
    return this.#parts.answer.textContent;
  }

  /** After a change of language. */
  translate() {
    if (!this.#shown?.licence) return;
    const { licence, demand, demandError, from_ms, to_ms } = this.#shown;
    const values = { span: this.#zone.span(from_ms, to_ms), licence: this.#texts.word("licence", licence) };
    const row = demand?.get(licence);
    const { answer, why } = this.#parts;
    if (demandError) return this.#say(explain(this.#texts, demandError), "");
    if (!demand) return this.#say(this.#texts.t("figures.enough_too_long"), "");
    if (!row || row.demand_peak === 0) return this.#say(this.#texts.t("figures.enough_none", values), this.#bought(0));
    setText(answer, this.#counted(isSeat(licence) ? "seats" : "licences", row.demand_peak, values));
    setText(why, this.#texts.sentences([this.#how(row), this.#bought(row.demand_peak)]));
  }

  #say(answer, why) {
    setText(this.#parts.answer, answer);
    setText(this.#parts.why, why);
  }

  #counted(what, count, values) {
    const isOne = new Intl.PluralRules(this.#texts.language).select(count) === "one";
    const key = {
      seats: isOne ? "figures.enough_seat" : "figures.enough_seats",
      licences: isOne ? "figures.enough_licence" : "figures.enough_licences",
    }[what];
    return this.#texts.t(key, { ...values, count });
  }

  #how({ held_peak, denied_peak, at }) {
    const time = this.#zone.moment(Date.parse(at));
    const denied = denied_peak > 0 && this.#texts.t("figures.denied_peak", { count: denied_peak });
    return this.#texts.sentences([this.#texts.t("figures.held_peak", { count: held_peak, time }), denied]);
  }

  /** What there was in the end, against what was needed. */
  #bought(needed) {
    const last = this.#shown.bought.at(-1);
    if (!last) return this.#texts.t("figures.bought_nothing");
    const { concurrent, contingency } = last;
    const total = concurrent + contingency;
    const parts = this.#texts.t(this.#shown.isFixed ? "figures.bought_fixed" : "figures.bought", { total, concurrent, contingency });
    const spare = total - needed;
    if (spare === 0) return this.#texts.sentences([parts, this.#texts.t("figures.bought_exactly")]);
    const key = spare > 0 ? "figures.bought_more" : "figures.bought_fewer";
    return this.#texts.sentences([parts, this.#texts.t(key, { count: Math.abs(spare) })]);
  }
}
