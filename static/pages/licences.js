/** View Licences: what was bought, and what is in use. */

import { Table } from "../ui/table.js";
import { h, said } from "../ui/dom.js";

/** A row for each licence type. */
export default class Licences {
  static titleKey = "licences.title";
  static roles = ["supervisor", "admin", "operator"];

  #texts;
  #api;
  #table;

  /** Its root. */
  element;

  /** @param {Object} context see `console/app.js` */
  constructor({ texts, api }) {
    this.#texts = texts;
    this.#api = api;
    this.#table = new Table({
      texts, caption: "licences.title", isCaptionHidden: true, empty: "licences.empty", rowKey: ({ licence }) => licence,
      columns: [{ key: "licence", label: "licences.licence", value: ({ licence }) => texts.word("licence", licence) }],
    });
    const refresh = said(texts, "button", "licences.refresh", { type: "button", id: "refresh", onclick: () => this.start() });
    this.element = h("section", { class: "page", "aria-labelledby": "licences-title" },
      said(texts, "h1", "licences.title", { id: "licences-title" }), refresh, this.#table.element);
  }

  /** @param {AbortSignal} [signal] */
  async start(signal) {
    const { items } = await this.#api.get("licences", { class: "user_type" }, { signal });
    this.#table.setRows(items);
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    this.#table.translate();
  }
}
