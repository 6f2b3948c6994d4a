/** A table of things that come and go: sortable, told in both languages, cards on a narrow screen. */

import { FOCUSABLE, h, newId, setText } from "./dom.js";

/** Stands where a row has no such value; a card leaves it out. */
const NOTHING = "–";

/**
 * @typedef {Object} Column
 * @property {string} key
 * @property {string|function(): string} label an i18n key, or what gives the text
 * @property {string|function(): string} [group] a heading over several columns in a row that have the same
 * @property {"text"|"number"|"time"|"code"} [kind] numbers and times are set accordingly
 * @property {function(Object): *} [value] what is shown and sorted by; times as RFC 3339
 * @property {function(Object, Node=): (Node|string)} [cell] shows it otherwise; gets the node that it gave for
 *   this row before, and may change and return that one, so that what has the focus stays
 * @property {boolean} [sortable]
 * @property {boolean} [isHeader] names its row; the first column, unless another says so
 */

/** Rows are known by `rowKey`: what has the focus keeps it when they change, and nothing scrolls. */
export class Table {
  #texts;
  #columns;
  #rowKey;
  #caption;
  #empty;
  #timeZone;
  #rows = [];
  /** Key → {element, cells: Map of column → {element, node}}. */
  #drawn = new Map();
  /** What the rows are sorted by, or null for the order in which they were given. */
  #order = null;
  #parts;

  /** The table with its frame, which scrolls sideways if it must. */
  element;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {string|function(): string} settings.caption an i18n key, or what gives the text
   * @param {Column[]} settings.columns
   * @param {Object[]} [settings.rows]
   * @param {string|function(): string} settings.empty what stands there when there are no rows
   * @param {function(Object): (string|number)} settings.rowKey
   * @param {string} [settings.timeZone] in which times are shown
   * @param {boolean} [settings.isCaptionHidden] for screen readers alone, where a heading says the same
   */
  constructor({ texts, caption, columns, rows = [], empty, rowKey, timeZone, isCaptionHidden = false }) {
    this.#texts = texts;
    this.#caption = caption;
    this.#columns = columns;
    this.#empty = empty;
    this.#rowKey = rowKey;
    this.#timeZone = timeZone;
    this.#parts = this.#frame(isCaptionHidden);
    this.element = this.#parts.frame;
    this.setRows(rows);
  }

  /** @param {Object[]} rows all of them, in the order of whoever gives them */
  setRows(rows) {
    this.#rows = rows;
    this.#draw();
  }

  /** @returns {Object[]} as given last */
  get rows() {
    return this.#rows;
  }

  /** After a change of language. */
  translate() {
    this.#drawHead();
    this.#draw();
  }

  #say(label) {
    return typeof label === "function" ? label() : this.#texts.t(label);
  }

  // Roles are told as well: styles that make cards of rows would take them away in some browsers.
  #frame(isCaptionHidden) {
    const id = newId("table");
    const caption = h("caption", { id, class: isCaptionHidden ? "unseen" : null });
    const head = h("thead", { role: "rowgroup" });
    const body = h("tbody", { role: "rowgroup" });
    const table = h("table", { role: "table", class: "table" }, caption, head, body);
    const empty = h("p", { class: "hint table-empty" });
    const scroller = h("div", { class: "table-scroll", role: "group", "aria-labelledby": id, tabindex: "-1" }, table);
    // A stop for the keyboard only where there is something to scroll.
    const measure = () => (scroller.tabIndex = scroller.scrollWidth > scroller.clientWidth ? 0 : -1);
    new ResizeObserver(measure).observe(scroller);
    const frame = h("div", { class: "table-frame" }, scroller, empty);
    const parts = { frame, scroller, caption, head, body, table, empty };
    this.#parts = parts;
    this.#drawHead();
    return parts;
  }

  #drawHead() {
    const { head, caption } = this.#parts;
    setText(caption, this.#say(this.#caption));
    const focused = head.contains(document.activeElement) ? document.activeElement.dataset.column : null;
    const groups = this.#columns.some((column) => column.group) ? [this.#groupRow()] : [];
    const cells = this.#columns.map((column) => this.#headCell(column));
    head.replaceChildren(...groups, h("tr", { role: "row" }, cells));
    if (focused) head.querySelector(`[data-column="${focused}"]`)?.focus({ preventScroll: true });
  }

  #groupRow() {
    const row = h("tr", { role: "row", class: "table-groups" });
    let last = null;
    for (const column of this.#columns) {
      const text = column.group ? this.#say(column.group) : "";
      if (last && text && last.textContent === text) last.colSpan += 1;
      else {
        last = text ? h("th", { role: "columnheader", scope: "colgroup" }, text) : h("td", { role: "cell" });
        row.append(last);
      }
    }
    return row;
  }

  #headCell(column) {
    const { key, kind = "text", sortable = false } = column;
    const text = this.#say(column.label);
    const direction = this.#order?.key === key ? this.#order.direction : null;
    const content = sortable
      ? h("button", { type: "button", class: "table-sort", dataset: { column: key }, onclick: () => this.#sortBy(column) }, text)
      : text;
    return h("th", { role: "columnheader", scope: "col", "aria-sort": direction, dataset: { kind, sortable } }, content);
  }

  /** First the way that is of use: names from the beginning, numbers from the highest; then round. */
  #sortBy({ key, kind = "text" }) {
    const first = kind === "number" ? "descending" : "ascending";
    const second = kind === "number" ? "ascending" : "descending";
    const current = this.#order?.key === key ? this.#order.direction : null;
    if (current === second) this.#order = null;
    else this.#order = { key, direction: current === null ? first : second };
    this.#drawHead();
    this.#draw();
  }

  #sorted() {
    if (!this.#order) return this.#rows;
    const { key, direction } = this.#order;
    const { value } = this.#columns.find((column) => column.key === key);
    const collator = new Intl.Collator(this.#texts.language, { numeric: true });
    const sign = direction === "ascending" ? 1 : -1;
    const compare = (one, other) => (typeof one === "number" ? one - other : collator.compare(String(one ?? ""), String(other ?? "")));
    return [...this.#rows].sort((one, other) => sign * compare(value(one), value(other)));
  }

  #draw() {
    const { body, scroller, empty } = this.#parts;
    const focus = this.#focus();
    const rows = this.#sorted();
    const wanted = rows.map((row) => this.#drawRow(row));
    const keys = new Set(rows.map((row) => String(this.#rowKey(row))));
    for (const [key, { element }] of this.#drawn) {
      if (keys.has(key)) continue;
      element.remove();
      this.#drawn.delete(key);
    }
    // Only what stands elsewhere is moved: moving takes the focus away.
    wanted.forEach((element, index) => {
      if (body.children[index] !== element) body.insertBefore(element, body.children[index] ?? null);
    });
    scroller.hidden = rows.length === 0;
    empty.hidden = rows.length > 0;
    setText(empty, this.#say(this.#empty));
    this.#refocus(focus);
  }

  #drawRow(row) {
    const key = String(this.#rowKey(row));
    let drawn = this.#drawn.get(key);
    if (!drawn) {
      drawn = this.#newRow(key);
      this.#drawn.set(key, drawn);
    }
    for (const column of this.#columns) this.#fill(drawn.cells.get(column.key), column, row);
    return drawn.element;
  }

  #newRow(key) {
    const header = this.#columns.find((column) => column.isHeader) ?? this.#columns[0];
    const element = h("tr", { role: "row", dataset: { key } });
    const cells = new Map();
    for (const column of this.#columns) {
      const kind = column.kind ?? "text";
      const dataset = { kind, column: column.key };
      const cell = column === header
        ? h("th", { role: "rowheader", scope: "row", dataset })
        : h("td", { role: "cell", dataset });
      element.append(cell);
      cells.set(column.key, { element: cell, node: null });
    }
    return { element, cells };
  }

  #fill(cell, column, row) {
    const { element } = cell;
    const group = column.group ? `${this.#say(column.group)} ` : "";
    element.dataset.label = group + this.#say(column.label);
    const content = column.cell ? column.cell(row, cell.node ?? undefined) : this.#shown(column, row);
    element.dataset.empty = String(content === NOTHING);
    if (!(content instanceof Node)) {
      cell.node = null;
      setText(element, content);
    } else if (content !== cell.node || content.parentNode !== element) {
      cell.node = content;
      element.replaceChildren(content);
    }
  }

  #shown({ kind = "text", value }, row) {
    const found = value(row);
    if (found === null || found === undefined || found === "") return NOTHING;
    if (kind === "number") return this.#texts.number(found);
    if (kind === "time") return this.#texts.dateTime(found, this.#timeZone);
    return String(found);
  }

  // ---- the focus ----------------------------------------------------------------------------------

  #focus() {
    const focused = document.activeElement;
    const row = focused?.closest("tbody > tr");
    if (!row || !this.#parts.body.contains(row)) return null;
    const cell = focused.closest("[data-column]");
    return { focused, key: row.dataset.key, column: cell.dataset.column, index: [...cell.querySelectorAll(FOCUSABLE)].indexOf(focused) };
  }

  #refocus(before) {
    if (!before || document.activeElement === before.focused) return;
    if (before.focused.isConnected) return before.focused.focus({ preventScroll: true });
    const cell = this.#drawn.get(before.key)?.cells.get(before.column)?.element;
    const successor = cell?.querySelectorAll(FOCUSABLE)[before.index] ?? this.#parts.scroller;
    // A row that is gone leaves the focus with the table, not at the top of the page.
    if (!successor.hidden) successor.focus({ preventScroll: true });
  }
}
