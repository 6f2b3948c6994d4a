/** Billing: the statement of a month, why it has contingency charges, what they cost, and what would have cost less. */

import { isAbort } from "../console/api.js";
import { href } from "../console/router.js";
import { h, said, setText } from "../ui/dom.js";
import { explain } from "../ui/form.js";
import { Table } from "../ui/table.js";
import { Zone } from "../ui/zone.js";
import { Advice } from "./billing/advice.js";
import { Line } from "./billing/line.js";
import { money } from "./billing/money.js";
import { Prices } from "./billing/prices.js";

/** The page `#/billing`: `?month=2026-11`, and `&licence=` for the line that is open. */
export default class Billing {
  static titleKey = "billing.title";
  static roles = Object.freeze(["admin", "operator"]);

  #context;
  #zone;
  #months;
  #month;
  #licence;
  /** As the API gave it; null before that, and where there is none. */
  #statement = null;
  #error = null;
  #signal = null;
  #loading = null;
  #table;
  #line;
  #prices;
  #advice;
  #parts = {};

  element;

  constructor(context) {
    this.#context = context;
    const { texts, organisation } = context;
    this.#zone = new Zone(texts, organisation.time_zone);
    this.#months = monthsOf(organisation, this.#zone);
    this.#read(context.params);
    this.#table = this.#newTable();
    this.#table.element.id = "billing-statement";
    this.#line = new Line(context);
    this.#prices = new Prices(context, () => this.#load());
    this.#advice = new Advice(context, this.#zone);
    const id = "billing-title";
    this.element = h("section", { class: "page billing", "aria-labelledby": id },
      said(texts, "h1", Billing.titleKey, { id }),
      said(texts, "p", "billing.introduction", { class: "hint" }),
      this.#toolbar(), this.#reasons(), this.#table.element, this.#line.element, this.#prices.element, this.#advice.element);
  }

  async start(signal) {
    this.#signal = signal;
    await Promise.all([this.#load(), this.#prices.start(signal), this.#advice.start(signal)]);
  }

  /** @param {URLSearchParams} params another address of this page */
  async update(params) {
    const before = this.#month;
    this.#read(params);
    if (this.#month !== before) await this.#load();
    else await this.#openLine();
  }

  translate() {
    this.#context.texts.apply(this.element);
    this.#table.translate();
    for (const part of [this.#line, this.#prices, this.#advice]) part.translate();
    this.#drawMonths();
    this.#draw();
  }

  #read(params) {
    const asked = params.get("month");
    this.#month = this.#months.includes(asked) ? asked : this.#months.at(-1);
    this.#licence = params.get("licence");
  }

  // ---- what stands there --------------------------------------------------------------------------

  #toolbar() {
    const { texts } = this.#context;
    const select = h("select", { id: "billing-month", onchange: () => this.#go(select.value) });
    const step = (key, id, offset) => said(
      texts, "button", key,
      { type: "button", id, onclick: () => this.#go(this.#months[this.#months.indexOf(this.#month) + offset]) },
    );
    const before = step("billing.before", "billing-before", -1);
    const after = step("billing.after", "billing-after", 1);
    const csv = said(texts, "button", "billing.csv", { type: "button", id: "billing-csv", onclick: () => this.#download() });
    Object.assign(this.#parts, { select, before, after });
    this.#drawMonths();
    return h("div", { class: "toolbar" },
      h(
        "div", { class: "filters" }, before,
        h("label", { class: "field" }, said(texts, "span", "billing.month"), select), after,
      ), csv);
  }

  /** The answer to the question with which people come here. */
  #reasons() {
    const id = "billing-reasons";
    const trouble = h("p", { class: "notice", role: "alert", hidden: true });
    const state = h("p", { role: "status", id: "billing-state" });
    const list = h("ul", { class: "notes", id: "billing-why" });
    const title = said(this.#context.texts, "h2", "billing.why", { id });
    const panel = h("section", { class: "panel part", "aria-labelledby": id }, title, state, list);
    Object.assign(this.#parts, { trouble, state, list, panel });
    return [trouble, panel];
  }

  #newTable() {
    const { texts } = this.#context;
    const { time_zone: timeZone } = this.#context.organisation;
    const purchase = (key, label) => ({ key, label, kind: "number", group: "billing.bought", value: (line) => line[key] });
    return new Table({
      texts,
      caption: () => texts.t("billing.caption", { month: this.#monthName(this.#month), zone: timeZone }),
      empty: "billing.empty",
      timeZone,
      rowKey: ({ licence }) => licence,
      columns: [
        {
          key: "licence", label: "billing.licence", value: ({ licence }) => texts.word("licence", licence),
          cell: (line, before) => this.#opener(line, before),
        },
        purchase("base", "billing.base"), purchase("concurrent", "billing.concurrent"), purchase("fixed", "billing.fixed"),
        {
          key: "contingency_max_used", label: "billing.max_used", kind: "number",
          value: (line) => line.contingency_max_used, cell: maxUsed(texts),
        },
        { key: "reached_at", label: "billing.reached_at", kind: "time", value: (line) => line.reached_at },
        {
          key: "unit_price", label: "billing.unit_price", kind: "number",
          value: (line) => money(line.unit_price, texts), cell: (line) => money(line.unit_price, texts),
        },
        {
          key: "amount", label: "billing.amount", kind: "number", value: (line) => money(line.amount, texts),
          cell: (line) => money(line.amount, texts),
        },
      ],
    });
  }

  /** The same link while the table is drawn anew: it may have the focus. */
  #opener({ licence }, before) {
    const link = before ?? h("a", {});
    link.href = href("billing", { month: this.#month, licence });
    link.ariaCurrent = licence === this.#licence ? "true" : null;
    setText(link, this.#context.texts.word("licence", licence));
    return link;
  }

  // ---- drawing ------------------------------------------------------------------------------------

  #drawMonths() {
    const { select } = this.#parts;
    select.replaceChildren(...this.#months.toReversed().map((month) => h("option", { value: month }, this.#monthName(month))));
  }

  #draw() {
    const { texts } = this.#context;
    const { select, before, after, trouble, panel, state, list } = this.#parts;
    select.value = this.#month;
    before.disabled = this.#month === this.#months[0];
    after.disabled = this.#month === this.#months.at(-1);
    trouble.hidden = this.#error === null;
    setText(trouble, this.#error ? explain(texts, this.#error) : "");
    panel.hidden = this.#statement === null;
    this.#table.element.hidden = this.#statement === null;
    if (!this.#statement) return;
    const { closed, total, lines } = this.#statement;
    const charged = lines.filter((line) => line.contingency_max_used > 0);
    const month = this.#monthName(this.#month);
    setText(state, texts.sentences([
      texts.t(closed ? "billing.closed" : "billing.open", { month }),
      charged.length === 0 && texts.t("billing.nothing"),
      total !== null && texts.t("billing.total", { total: money(total, texts) }),
    ]));
    list.replaceChildren(...charged.map((line) => h(
      "li", { dataset: { licence: line.licence } }, this.#reason(line), " ", this.#who(line),
    )));
  }

  #reason({ licence, contingency_max_used: count, reached_at: at }) {
    const { texts, organisation } = this.#context;
    const name = texts.word("licence", licence);
    if (!at) return texts.t("billing.because", { licence: name, count });
    return texts.t("billing.because_at", { licence: name, count, time: texts.zoned(at, organisation.time_zone) });
  }

  #who({ licence }) {
    const { texts } = this.#context;
    const label = texts.t("billing.who_of", { licence: texts.word("licence", licence) });
    return h("a", { href: href("billing", { month: this.#month, licence }), "aria-label": label }, texts.t("billing.who"));
  }

  #monthName(month) {
    return new Intl.DateTimeFormat(
      this.#context.texts.language === "ja" ? "ja-JP" : "en-GB", { year: "numeric", month: "long", timeZone: "UTC" },
    ).format(new Date(`${month}-01T00:00:00Z`));
  }

  // ---- reading ------------------------------------------------------------------------------------

  #go(month) {
    this.#context.navigate("billing", { month });
  }

  async #load() {
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    this.#error = null;
    try {
      this.#statement = await this.#context.api.get(
        `billing/${this.#month}`, {}, { signal: AbortSignal.any([loading.signal, this.#signal]) },
      );
    } catch (error) {
      if (isAbort(error)) return;
      this.#statement = null;
      this.#error = error;
    }
    this.#table.setRows(this.#statement?.lines ?? []);
    this.#table.translate(); // its caption names the month
    this.#draw();
    await this.#openLine();
  }

  async #openLine() {
    this.#table.translate(); // which line is open is marked there
    const isKnown = this.#statement?.lines.some(({ licence }) => licence === this.#licence);
    await this.#line.open(isKnown ? this.#month : null, this.#licence, this.#signal);
  }

  async #download() {
    this.#error = null;
    try {
      await this.#context.api.download(`billing/${this.#month}`, { format: "csv" }, `billing-${this.#month}.csv`);
    } catch (error) {
      if (!isAbort(error)) this.#error = error;
    }
    this.#draw();
  }
}

/** Marked where something is charged: the number, and the colour that contingency has everywhere. */
function maxUsed(texts) {
  return ({ contingency_max_used: count }) => h("span", { class: count > 0 ? "contingency-figure" : null }, texts.number(count));
}

/** All months that the organisation has begun, the first of them first. */
function monthsOf(organisation, zone) {
  const monthOf = (at_ms) => {
    const wall = new Date(zone.wall(at_ms));
    return wall.getUTCFullYear() * 12 + wall.getUTCMonth();
  };
  const first = monthOf(Date.parse(organisation.created_at));
  const months = [];
  for (let month = Math.max(first, monthOf(Date.now()) - 1200); month <= monthOf(Date.now()); month += 1) {
    months.push(`${Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, "0")}`);
  }
  return months;
}
