/** The tables of the page of figures: every type over the whole range, and the figures behind the chart. */

import { h, newId, said, setText } from "../ui/dom.js";
import { Table } from "../ui/table.js";

/** So many figures at a time: a month has thousands. */
const ROWS = 100;

/** Average, highest and lowest of every type, and how many would have been enough. */
export class MetricsTable {
  #texts;
  #table;
  #chosen = null;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {function(string)} settings.onChoose gets the key of a type that is to be drawn
   */
  constructor({ texts, onChoose }) {
    this.#texts = texts;
    const number = (key, group, label, value) => ({ key, label, kind: "number", value, sortable: true, ...(group && { group }) });
    const choose = (row, before) => {
      const button = before ?? h("button", { type: "button", class: "link", onclick: () => onChoose(row.licence) });
      setText(button, texts.word("licence", row.licence));
      button.setAttribute("aria-current", String(row.licence === this.#chosen));
      return button;
    };
    const columns = [
      { key: "licence", label: "figures.licence", value: (row) => texts.word("licence", row.licence), cell: choose, sortable: true },
      ...[["concurrent", "figures.concurrent"], ["contingency", "figures.contingency"]].flatMap(([pool, group]) => [
        number(`${pool}-average`, group, "figures.average", (row) => row[pool].avg),
        number(`${pool}-highest`, group, "figures.highest", (row) => row[pool].highest),
        number(`${pool}-lowest`, group, "figures.lowest", (row) => row[pool].lowest),
      ]),
      number("enough", null, "figures.enough_column", (row) => row.enough),
    ];
    this.#table = new Table({ texts, caption: "figures.metrics_caption", columns, empty: "figures.none", rowKey: (row) => row.licence, isCaptionHidden: true });
    this.element = h("section", { "aria-labelledby": "figures-metrics" }, said(texts, "h2", "figures.metrics", { id: "figures-metrics" }), this.#table.element);
  }

  /** @param {Object} shown what the page shows */
  show({ metrics, demand, licence }) {
    this.#chosen = licence;
    this.#table.setRows(metrics.map((row) => ({ ...row, enough: demand?.get(row.licence)?.demand_peak ?? null })));
  }

  /** After a change of language. */
  translate() {
    this.#table.translate();
  }
}

/** What the chart draws, to be read. */
export class RecordsTable {
  #texts;
  #table;
  #points = [];
  #first = 0;
  #parts;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {import("../ui/zone.js").Zone} settings.zone
   */
  constructor({ texts, zone }) {
    this.#texts = texts;
    const number = (key, label) => ({ key, label, kind: "number", value: (point) => point[key] });
    const columns = [
      { key: "stretch", label: "figures.stretch", value: (point) => zone.span(point.start_ms, point.end_ms) },
      number("concurrent", "figures.concurrent"), number("contingency", "figures.contingency"), number("peak", "figures.peak"),
    ];
    this.#table = new Table({ texts, caption: "figures.records_caption", columns, empty: "figures.none", rowKey: (point) => point.start_ms, isCaptionHidden: true });
    const move = (by) => () => this.#turn(this.#first + by);
    const id = newId("records-part");
    this.#parts = {
      part: h("span", { id, class: "hint" }),
      before: said(texts, "button", "data.previous", { type: "button", class: "small", onclick: move(-ROWS), "aria-describedby": id }),
      next: said(texts, "button", "data.next", { type: "button", class: "small", onclick: move(ROWS), "aria-describedby": id }),
    };
    const { part, before, next } = this.#parts;
    const details = h("details", { class: "panel", id: "figures-records", ontoggle: () => this.#draw() },
      said(texts, "summary", "figures.records"), this.#table.element, h("p", { class: "pager" }, before, next, part));
    this.element = details;
  }

  /** @param {Object} shown what the page shows */
  show({ points }) {
    this.#points = points;
    this.#turn(this.#first);
  }

  #turn(first) {
    const last = Math.max(0, Math.ceil(this.#points.length / ROWS) - 1) * ROWS;
    this.#first = Math.min(Math.max(0, first), last);
    this.#draw();
  }

  /** Nothing is drawn that nobody looks at. */
  #draw() {
    if (!this.element.open) return;
    const rows = this.#points.slice(this.#first, this.#first + ROWS);
    this.#table.setRows(rows);
    const { part, before, next } = this.#parts;
    before.disabled = this.#first === 0;
    next.disabled = this.#first + ROWS >= this.#points.length;
    const values = { first: this.#points.length === 0 ? 0 : this.#first + 1, last: this.#first + rows.length, count: this.#points.length };
    setText(part, this.#texts.t("data.part", values));
  }

  /** After a change of language. */
  translate() {
    this.#table.translate();
    this.#draw();
  }
}
