/** Unit prices: what a contingency licence of each type costs in a month. */

import { isAbort } from "../../console/api.js";
import { FormDialog } from "../../ui/dialog.js";
import { h, said, setText } from "../../ui/dom.js";
import { Field, explain } from "../../ui/form.js";
import { Table } from "../../ui/table.js";
import { rowButtons } from "../parts/row_buttons.js";
import { Told } from "../parts/told.js";
import { money } from "./money.js";

/** As the broker takes it. */
const PRICE = /^\d{1,9}(?:\.\d{1,6})?$/;

/** Folded away until it is wanted. */
export class Prices {
  #context;
  #onChanged;
  /** {data, etag}, as read last; null before that. */
  #read = null;
  #error = null;
  #signal = null;
  #table;
  #trouble;

  element;

  /** @param {Object} context of the page @param {function(): void} onChanged when a price is another */
  constructor(context, onChanged) {
    this.#context = context;
    this.#onChanged = onChanged;
    const { texts } = context;
    this.#table = this.#newTable();
    this.#trouble = h("p", { class: "notice", role: "alert", hidden: true });
    this.element = h("details", { class: "panel", id: "billing-prices" },
      said(texts, "summary", "billing.prices"), said(texts, "p", "billing.prices_about", { class: "hint" }), this.#trouble, this.#table.element);
  }

  async start(signal) {
    this.#signal = signal;
    await this.#load();
  }

  translate() {
    this.#table.translate();
    this.#draw();
  }

  #newTable() {
    const { texts } = this.#context;
    return new Table({
      texts,
      caption: "billing.prices",
      isCaptionHidden: true,
      empty: "billing.no_prices",
      rowKey: ({ licence }) => licence,
      columns: [
        { key: "licence", label: "billing.licence", value: ({ licence }) => texts.word("licence", licence) },
        {
          key: "unit_price", label: "billing.unit_price", kind: "number", value: (row) => row.unit_price,
          cell: (row) => money(row.unit_price, texts),
        },
        { key: "edit", label: "billing.actions", value: () => "", cell: (row, before) => this.#button(row, before) },
      ],
    });
  }

  #button({ licence }, before) {
    const { texts } = this.#context;
    const edit = { key: "billing.edit", label: "billing.edit_price_of", onclick: () => this.#edit(licence) };
    return rowButtons(texts, [edit], { licence: texts.word("licence", licence) }, before);
  }

  async #load() {
    this.#error = null;
    try {
      this.#read = await this.#context.api.read("prices", {}, { signal: this.#signal });
    } catch (error) {
      if (isAbort(error)) return;
      this.#error = error;
    }
    this.#draw();
  }

  #draw() {
    this.#trouble.hidden = this.#error === null;
    setText(this.#trouble, this.#error ? explain(this.#context.texts, this.#error) : "");
    if (this.#read) this.#table.setRows(this.#read.data.items);
  }

  #priceOf(licence) {
    return this.#read.data.items.find((row) => row.licence === licence)?.unit_price ?? null;
  }

  async #edit(licence) {
    const { texts } = this.#context;
    await this.#load();
    if (this.#error) return;
    const attributes = { inputmode: "decimal", autocomplete: "off" };
    const dialog = new FormDialog({
      texts,
      title: texts.t("billing.price_title", { licence: texts.word("licence", licence) }),
      fields: [new Field(
        texts,
        { name: "unit_price", label: "billing.unit_price", hint: "billing.price_hint", value: this.#priceOf(licence), attributes },
      )],
      submit: "billing.save",
      send: ({ unit_price: typed }) => this.#save(licence, typed.trim()),
    });
    if (!(await dialog.open())) return;
    await this.#load();
    this.#onChanged();
    this.#context.announce(texts.t("billing.price_saved", { licence: texts.word("licence", licence) }));
  }

  async #save(licence, typed) {
    const { api, texts } = this.#context;
    if (typed !== "" && !PRICE.test(typed)) throw new Told(texts.t("billing.price_wrong"), "unit_price");
    const body = { unit_price: typed === "" ? null : typed };
    try {
      await api.send("PUT", `prices/${encodeURIComponent(licence)}`, body, { ifMatch: this.#read.etag });
    } catch (error) {
      if (error.type !== "changed") throw error;
      await this.#load();
      throw new Told(texts.t("billing.price_changed", { price: money(this.#priceOf(licence), texts) }), "unit_price");
    }
  }
}
