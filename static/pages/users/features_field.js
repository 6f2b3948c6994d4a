/** The features of a user: check boxes in groups, each explained, with what is left where it is counted. */

import { h, newId, said, setText } from "../../ui/dom.js";

/** Serves a `Form` as its `Field` does. */
export class FeaturesField {
  #texts;
  #offer;
  #error;
  /** Feature → {box, name, about, left}. */
  #entries = new Map();
  #meant = null;
  /** Features that no catalogue has any more: kept as they are. */
  #unknown = [];

  name = "features";
  element;
  /** The first check box: where the focus goes when nothing more exact is known. */
  input;

  /**
   * @param {import("../../i18n.js").Texts} texts
   * @param {import("./catalogue.js").Offer} offer
   * @param {string[]} value
   */
  constructor(texts, offer, value) {
    this.#texts = texts;
    this.#offer = offer;
    this.#error = h("p", { class: "field-error", id: newId("features-error"), hidden: true });
    const groups = offer.groups.map(({ group, rows }) => h("fieldset", { class: "feature-group", dataset: { group } },
      said(texts, "legend", `features.${group}`), rows.map(({ licence }) => this.#entry(licence))));
    this.element = h("fieldset", { class: "field features", dataset: { field: this.name } },
      said(texts, "legend", "users.features"), this.#error, groups);
    this.input = this.element.querySelector("input");
    this.value = value;
    this.translate();
  }

  #entry(licence) {
    const id = newId(`feature-${licence}`);
    const box = h("input", { type: "checkbox", id, value: licence, "aria-describedby": `${id}-about` });
    box.addEventListener("change", () => this.complain(null));
    const name = h("label", { for: id });
    const about = h("span", { class: "hint", id: `${id}-about` });
    this.#entries.set(licence, { box, name, about });
    return h("div", { class: "feature" }, box, h("div", {}, name, about));
  }

  get value() {
    const chosen = [...this.#entries].filter(([, { box }]) => box.checked).map(([licence]) => licence);
    return [...chosen, ...this.#unknown];
  }

  set value(features) {
    for (const [licence, { box }] of this.#entries) box.checked = features.includes(licence);
    this.#unknown = features.filter((licence) => !this.#entries.has(licence));
  }

  /** @param {string} licence that the next complaint will be about */
  expectComplaint(licence) {
    this.#meant = licence;
  }

  /** @param {?string} error */
  complain(error) {
    this.#error.hidden = !error;
    setText(this.#error, error ?? "");
    for (const { box } of this.#entries.values()) box.removeAttribute("aria-invalid");
    if (!error) return;
    this.input = this.#entries.get(this.#meant)?.box ?? this.element.querySelector("input");
    this.input?.setAttribute("aria-invalid", "true");
    this.#meant = null;
  }

  check() {
    return true;
  }

  translate() {
    this.#texts.apply(this.element);
    for (const [licence, { name, about }] of this.#entries) {
      setText(name, this.#offer.nameOf(licence, this.#texts));
      const left = this.#offer.left(licence);
      setText(about, this.#texts.sentences([
        this.#texts.has(`about.${licence}`) ? this.#texts.word("about", licence) : "",
        left && this.#texts.t("users.fixed_left", { count: left.left }),
      ]));
    }
  }
}
