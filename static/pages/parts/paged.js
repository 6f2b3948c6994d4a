/** A table that is filled from a list of the API, a page at a time. */

import { isAbort } from "../../console/api.js";
import { h, said, setText } from "../../ui/dom.js";
import { explain } from "../../ui/form.js";

/** Rows of a page: a screen or three. */
const PAGE_ROWS = 100;

/** Keeps what is shown until the next is there; whoever asks anew gives up what was asked for before. */
export class PagedTable {
  #texts;
  #api;
  #announce;
  #table;
  #path;
  #found;
  #query = {};
  #cursor = null;
  #rows = [];
  /** Of the request that is under way. */
  #asking = null;
  /** Of the page that this stands on. */
  #signal = null;
  /** What went wrong last, or null. */
  #error = null;
  #parts;

  /** The table, with what is said about it and the button for more. */
  element;

  /**
   * @param {Object} settings
   * @param {import("../../i18n.js").Texts} settings.texts
   * @param {import("../../console/api.js").Api} settings.api
   * @param {function(string): void} settings.announce
   * @param {import("../../ui/table.js").Table} settings.table
   * @param {string} settings.path of the list
   * @param {function(number, boolean): string} settings.found says how many rows are shown, and whether there are more
   */
  constructor({ texts, api, announce, table, path, found }) {
    this.#texts = texts;
    this.#api = api;
    this.#announce = announce;
    this.#table = table;
    this.#path = path;
    this.#found = found;
    const count = h("p", { class: "hint paged-count" });
    const trouble = h("p", { class: "notice", role: "alert", hidden: true });
    const more = said(
      texts, "button", "paged.more", { type: "button", class: "paged-more", hidden: true, onclick: () => this.#more() },
    );
    const again = said(texts, "button", "paged.again", { type: "button", hidden: true, onclick: () => this.load(this.#query) });
    this.#parts = { count, trouble, more, again };
    this.element = h("div", { class: "paged" }, count, trouble, again, table.element, more);
    this.element.ariaBusy = "true";
    this.#table.element.hidden = true;
  }

  /** @returns {Object[]} what is shown */
  get rows() {
    return this.#rows;
  }

  /**
   * Begins anew.
   *
   * @param {Object<string, *>} query
   * @param {AbortSignal} [signal]
   */
  async load(query, signal) {
    this.#query = query;
    this.#signal = signal ?? this.#signal;
    const page = await this.#ask(null);
    if (!page) return;
    this.#rows = page.items;
    this.#draw();
    this.#announce(this.#parts.count.textContent);
  }

  /**
   * Changes what is shown without asking anew.
   *
   * @param {function(Object[]): Object[]} change
   */
  change(change) {
    this.#rows = change(this.#rows);
    this.#draw();
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    this.#table.translate();
    this.#drawState();
  }

  async #more() {
    const before = this.#rows.length;
    const page = await this.#ask(this.#cursor);
    if (!page) return;
    this.#rows = [...this.#rows, ...page.items];
    this.#draw();
    this.#announce(this.#texts.t("paged.added", { count: this.#rows.length - before }));
    // The button is gone with the last page, and the focus must not be.
    if (this.#parts.more.hidden) this.#table.element.querySelector("[tabindex]")?.focus({ preventScroll: true });
  }

  async #ask(cursor) {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    const signal = this.#signal ? AbortSignal.any([asking.signal, this.#signal]) : asking.signal;
    this.element.ariaBusy = "true";
    this.#error = null;
    try {
      const page = await this.#api.page(this.#path, { limit: PAGE_ROWS, ...this.#query }, cursor, { signal });
      this.#cursor = page.next_cursor;
      return page;
    } catch (error) {
      if (isAbort(error)) return null;
      this.#error = error;
      return null;
    } finally {
      if (this.#asking === asking) {
        this.element.ariaBusy = "false";
        this.#drawState();
      }
    }
  }

  #draw() {
    this.#table.element.hidden = false;
    this.#table.setRows(this.#rows);
    this.#drawState();
  }

  #drawState() {
    const { count, trouble, more, again } = this.#parts;
    const isKnown = !this.#table.element.hidden;
    setText(count, isKnown ? this.#found(this.#rows.length, this.#cursor !== null) : "");
    more.hidden = !isKnown || this.#cursor === null;
    trouble.hidden = this.#error === null;
    again.hidden = this.#error === null;
    setText(trouble, this.#error ? explain(this.#texts, this.#error) : "");
  }
}
