/** Operators of the platform choose the organisation that they look at. */

import { Table } from "../ui/table.js";
import { Field } from "../ui/form.js";
import { h, said } from "../ui/dom.js";

/** The page that stands there until one is chosen. */
export class Organisations {
  #texts;
  #api;
  #search;
  #table;
  #items = [];

  /** Its root. */
  element;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {import("./api.js").Api} settings.api
   * @param {function(number): void} settings.onChosen
   */
  constructor({ texts, api, onChosen }) {
    this.#texts = texts;
    this.#api = api;
    this.#search = new Field(texts, { name: "search", type: "search", label: "organisations.search" });
    this.#search.input.addEventListener("input", () => this.#draw());
    const open = ({ id, name }) => h("button", { type: "button", class: "link", dataset: { organisation: id }, onclick: () => onChosen(id) }, h("bdi", {}, name));
    this.#table = new Table({
      texts, caption: "organisations.title", isCaptionHidden: true, empty: "organisations.empty", rowKey: ({ id }) => id,
      columns: [
        { key: "name", label: "organisations.name", value: ({ name }) => name, cell: open, sortable: true },
        { key: "id", label: "organisations.number", kind: "code", value: ({ id }) => String(id), sortable: true },
        { key: "zone", label: "organisations.zone", value: ({ time_zone }) => time_zone, sortable: true },
      ],
    });
    this.element = h("section", { class: "page", "aria-labelledby": "organisations-title" },
      said(texts, "h1", "organisations.title", { id: "organisations-title", tabindex: "-1" }),
      this.#search.element, this.#table.element);
  }

  /** @param {AbortSignal} signal */
  async start(signal) {
    ({ items: this.#items } = await this.#api.all("/v1/organisations", {}, { signal }));
    this.#draw();
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    this.#search.translate();
    this.#table.translate();
  }

  #draw() {
    const wanted = this.#search.value.trim().toLocaleLowerCase(this.#texts.language);
    const fits = ({ id, name }) => String(id).includes(wanted) || name.toLocaleLowerCase(this.#texts.language).includes(wanted);
    this.#table.setRows(this.#items.filter(fits));
  }
}
