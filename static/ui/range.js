/** From when to when: a choice of the usual stretches, and any other, by the clocks of the organisation. */

import { Field } from "./form.js";
import { h, newId, said, setText } from "./dom.js";
import { RANGES } from "./zone.js";

/** Tells by `choose` when one of the usual stretches was chosen; what is typed counts when the form is sent. */
export class RangeField extends EventTarget {
  #texts;
  #zone;
  #from;
  #to;
  /** The name of the stretch, or null where it was typed. */
  #name;
  #buttons = new Map();
  #zoneHint;

  /** A group of buttons and two fields. */
  element;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {import("./zone.js").Zone} settings.zone
   */
  constructor({ texts, zone }) {
    super();
    this.#texts = texts;
    this.#zone = zone;
    const hintId = newId("range-zone");
    const attributes = { required: true, "aria-describedby": hintId };
    this.#from = new Field(texts, { name: "from", label: "range.from", type: "datetime-local", attributes });
    this.#to = new Field(texts, { name: "to", label: "range.to", type: "datetime-local", attributes });
    for (const field of [this.#from, this.#to]) field.input.addEventListener("input", () => this.#mark(null));
    for (const name of RANGES) {
      const button = h("button", { type: "button", class: "small", dataset: { range: name }, onclick: () => this.#choose(name) });
      this.#buttons.set(name, button);
    }
    this.#zoneHint = h("p", { id: hintId, class: "hint" });
    const names = h("div", { class: "range-names" }, [...this.#buttons.values()]);
    const typed = h("div", { class: "range-typed" }, this.#from.element, this.#to.element);
    this.element = h("fieldset", { class: "range" }, said(texts, "legend", "range.title"), names, typed, this.#zoneHint);
    this.translate();
  }

  /**
   * Takes the range of an address.
   *
   * @param {URLSearchParams} params `range`, or `from` and `to`
   * @param {string} otherwise the name of the stretch where they say nothing that can be read
   */
  read(params, otherwise) {
    const [from_ms, to_ms] = ["from", "to"].map((name) => Date.parse(params.get(name) ?? ""));
    const name = params.get("range");
    if (from_ms < to_ms) this.#fill({ from_ms, to_ms }, null);
    else this.#fillNamed(RANGES.includes(name) ? name : otherwise);
  }

  /** @returns {Object<string, string>} what an address says of it */
  get params() {
    if (this.#name) return { range: this.#name };
    const { from_ms, to_ms } = this.value;
    return { from: new Date(from_ms).toISOString(), to: new Date(to_ms).toISOString() };
  }

  /** @returns {{from_ms: number, to_ms: number}} a usual stretch as it is now, else as it was typed */
  get value() {
    if (this.#name) return this.#zone.named(this.#name, Date.now());
    return { from_ms: this.#zone.fromField(this.#from.value), to_ms: this.#zone.fromField(this.#to.value) };
  }

  /** @returns {boolean} whether it can be used; if not, what is wrong stands there */
  check() {
    if (![this.#from, this.#to].every((field) => field.check())) return false;
    const { from_ms, to_ms } = this.value;
    const isGood = from_ms < to_ms;
    if (!isGood) this.#to.complain(this.#texts.t("range.backwards"));
    return isGood;
  }

  /** @param {Error} error of the API @returns {boolean} whether it is about the range */
  complain(error) {
    const field = { from: this.#from, to: this.#to }[error?.field];
    field?.complain(error.detail);
    return Boolean(field);
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    for (const [name, button] of this.#buttons) setText(button, this.#texts.t(`stretch.${name}`));
    setText(this.#zoneHint, this.#texts.t("range.zone", { zone: this.#zone.name }));
  }

  #choose(name) {
    this.#fillNamed(name);
    this.dispatchEvent(new Event("choose"));
  }

  #fillNamed(name) {
    this.#fill(this.#zone.named(name, Date.now()), name);
  }

  #fill({ from_ms, to_ms }, name) {
    this.#from.value = this.#zone.toField(from_ms);
    this.#to.value = this.#zone.toField(to_ms);
    for (const field of [this.#from, this.#to]) field.complain(null);
    this.#mark(name);
  }

  #mark(name) {
    this.#name = name;
    for (const [own, button] of this.#buttons) button.setAttribute("aria-pressed", String(own === name));
  }
}
