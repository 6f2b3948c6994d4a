/** What a custom report is made of, chosen field by field. */

import { h, newId, said, setText } from "../ui/dom.js";
import { Field, explain } from "../ui/form.js";
import { RangeField } from "../ui/range.js";
import { Filter } from "./reports_filter.js";

const ROWS_DEFAULT = 100;
const ROWS_MAX = 10_000;

/** Reports to begin with: what people ask most. */
const EXAMPLES = [
  { key: "reports.example_users", params: { source: "licence_usage", by: "user,licence", show: "acquired,sessions", order: "-acquired", range: "this_month" } },
  { key: "reports.example_peaks", params: { source: "organisation_licence_usage", by: "day,licence", show: "concurrent_highest,contingency_highest", range: "days7" } },
  { key: "reports.example_denied", params: { source: "denials", by: "licence,hour,reason", show: "denials,users", range: "days7" } },
];

/** Tells by `send` when the report is asked for, and by `example` (its params in `detail`) when another is. */
export class ReportForm extends EventTarget {
  #texts;
  #zone;
  #sources;
  #licences;
  #source;
  #dimensions;
  #metrics;
  #filters = [];
  #order;
  #orders = [];
  #rows;
  #range;
  #parts;

  element;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {import("../ui/zone.js").Zone} settings.zone
   * @param {Object[]} settings.sources as the API describes them
   * @param {string[]} settings.licences the keys of the licence types
   * @param {Array<Node>} settings.beside further buttons
   */
  constructor({ texts, zone, sources, licences, beside }) {
    super();
    this.#texts = texts;
    this.#zone = zone;
    this.#sources = sources;
    this.#licences = licences;
    const options = sources.map(({ source }) => ({ value: source, text: () => texts.word("dataset", source) }));
    this.#source = new Field(texts, { name: "source", label: "reports.source", type: "select", options });
    this.#order = new Field(texts, { name: "order", label: "reports.order", type: "select", options: this.#orders });
    this.#rows = new Field(texts, { name: "limit", label: "reports.rows", type: "number", value: ROWS_DEFAULT, attributes: { min: "1", max: String(ROWS_MAX), required: true } });
    this.#range = new RangeField({ texts, zone });
    this.#dimensions = new Choices(texts, "field", "reports.by", () => this.#drawOrders());
    this.#metrics = new Choices(texts, "metric", "reports.show", () => this.#drawOrders());
    this.#source.input.addEventListener("change", () => this.#drawSource());
    this.#range.addEventListener("choose", () => this.#send());
    this.#parts = { filters: h("div", { class: "report-filters" }) };
    this.element = this.#frame(beside);
    this.#drawSource();
  }

  /** @param {URLSearchParams} params of an address */
  read(params) {
    const source = this.#sources.find((one) => one.source === params.get("source")) ?? this.#sources[0];
    const list = (name) => (params.get(name) ?? "").split(",").filter(Boolean);
    this.#source.value = source.source;
    this.#drawSource();
    this.#dimensions.value = list("by");
    this.#metrics.value = list("show");
    for (const text of params.getAll("where")) {
      const filter = Filter.read(text, source);
      if (filter) this.#add(filter);
    }
    this.#drawOrders();
    if (this.#orders.some(({ value }) => value === params.get("order"))) this.#order.value = params.get("order");
    this.#rows.value = params.get("rows") ?? ROWS_DEFAULT;
    this.#range.read(params, "days7");
  }

  /** @returns {URLSearchParams} the report as an address has it */
  get params() {
    const own = { source: this.#source.value, by: this.#dimensions.value.join(","), show: this.#metrics.value.join(","), order: this.#order.value, rows: this.#rows.value };
    const named = Object.entries({ ...own, ...this.#range.params }).filter(([, value]) => value !== "" && value !== null);
    const params = new URLSearchParams(named);
    for (const filter of this.#filters) params.append("where", filter.text);
    return params;
  }

  /** @returns {Object} the report as the API takes it */
  get request() {
    const { from_ms, to_ms } = this.#range.value;
    return {
      source: this.#source.value,
      dimensions: this.#dimensions.value,
      metrics: this.#metrics.value,
      filters: this.#filters.map((filter) => filter.value),
      order: this.#order.value ? [this.#order.value] : [],
      limit: this.#rows.value,
      from: new Date(from_ms).toISOString(),
      to: new Date(to_ms).toISOString(),
    };
  }

  /** @returns {Object} the source that is chosen, as the API describes it */
  get source() {
    return this.#sources.find(({ source }) => source === this.#source.value);
  }

  /** @returns {boolean} whether the report can be asked for; if not, what is wrong stands there */
  check() {
    const parts = [this.#metrics, ...this.#filters, this.#range, this.#rows];
    const isOk = parts.map((part) => part.check()).every(Boolean);
    if (!isOk) this.element.querySelector('[aria-invalid="true"]')?.focus();
    return isOk;
  }

  /** @param {Error} error of the API @returns {boolean} whether it stands next to its field now */
  complain(error) {
    const [, name, index] = /^(\w+)(?:\[(\d+)\])?/.exec(error.field ?? "") ?? [];
    if (name === "filters" && this.#filters[index]) return this.#filters[index].complain(error), true;
    if (this.#range.complain(error)) return true;
    const part = { dimensions: this.#dimensions, metrics: this.#metrics, order: this.#order, limit: this.#rows }[name];
    part?.complain(explain(this.#texts, error));
    return Boolean(part);
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    for (const part of [this.#source, this.#order, this.#rows, this.#range, this.#dimensions, this.#metrics, ...this.#filters]) part.translate();
  }

  #frame(beside) {
    const texts = this.#texts;
    const examples = EXAMPLES.map(({ key, params }) => said(texts, "button", key, { type: "button", class: "small", onclick: () => this.dispatchEvent(new CustomEvent("example", { detail: params })) }));
    const add = said(texts, "button", "reports.filter_add", { type: "button", class: "small", id: "reports-add", onclick: () => this.#add().focus() });
    const submit = (event) => {
      event.preventDefault();
      this.#send();
    };
    return h("form", { class: "panel report-form", novalidate: true, onsubmit: submit },
      h("div", { class: "range-names", role: "group", "aria-labelledby": "reports-examples" }, said(texts, "span", "reports.examples", { id: "reports-examples", class: "hint" }), examples),
      this.#source.element, this.#dimensions.element, this.#metrics.element,
      h("fieldset", { class: "field" }, said(texts, "legend", "reports.filters"), this.#parts.filters, h("p", {}, add)),
      this.#range.element, h("div", { class: "report-order" }, this.#order.element, this.#rows.element),
      h("div", { class: "form-actions" }, said(texts, "button", "reports.make", { type: "submit", class: "primary" }), beside));
  }

  #send() {
    if (this.check()) this.dispatchEvent(new Event("send"));
  }

  /** What can be chosen of a source; conditions on another's fields say nothing of this one. */
  #drawSource() {
    const { fields, metrics } = this.source;
    this.#dimensions.offer(fields.filter((field) => field.dimension).map(({ name }) => name));
    this.#metrics.offer(metrics.map(({ name }) => name));
    this.#filters = [];
    this.#parts.filters.replaceChildren();
    this.#drawOrders();
  }

  #drawOrders() {
    const texts = this.#texts;
    const named = [...this.#dimensions.value.map((name) => ["field", name]), ...this.#metrics.value.map((name) => ["metric", name])];
    const word = (family, name) => (family === "field" ? texts.word("field", name) : texts.word("metric", name));
    const orders = named.flatMap(([family, name]) => [
      { value: `-${name}`, text: () => texts.t("reports.order_down", { column: word(family, name) }) },
      { value: name, text: () => texts.t("reports.order_up", { column: word(family, name) }) },
    ]);
    this.#orders.splice(0, Infinity, { value: "", text: () => texts.t("reports.order_none") }, ...orders);
    this.#order.translate();
  }

  #add(given) {
    const filter = new Filter({ texts: this.#texts, zone: this.#zone, source: this.source, licences: this.#licences, filter: given });
    filter.addEventListener("remove", () => {
      this.#filters = this.#filters.filter((other) => other !== filter);
      filter.element.remove();
      this.element.querySelector("#reports-add").focus();
    });
    this.#filters.push(filter);
    this.#parts.filters.append(filter.element);
    return filter;
  }
}

/** Any of a few, each with its box; the order is that in which they are offered. */
class Choices {
  #texts;
  #family;
  #boxes = new Map();
  #list = h("div", { class: "report-choices" });
  #error;
  #changed;

  constructor(texts, family, legend, changed) {
    this.#texts = texts;
    this.#family = family;
    this.#changed = changed;
    this.#error = h("p", { class: "field-error", id: newId("choices-error"), hidden: true });
    this.element = h("fieldset", { class: "field", dataset: { choices: family } }, said(texts, "legend", legend), this.#list, this.#error);
  }

  get value() {
    return [...this.#boxes].filter(([, { input }]) => input.checked).map(([name]) => name);
  }

  set value(names) {
    for (const [name, { input }] of this.#boxes) input.checked = names.includes(name);
  }

  offer(names) {
    this.#boxes.clear();
    for (const name of names) {
      const input = h("input", { type: "checkbox", value: name, onchange: () => this.#chosen() });
      this.#boxes.set(name, { input, text: h("span", {}) });
    }
    this.#list.replaceChildren(...[...this.#boxes.values()].map(({ input, text }) => h("label", { class: "check" }, input, text)));
    this.complain(null);
    this.translate();
  }

  check() {
    const isOk = this.value.length > 0;
    this.complain(isOk ? null : this.#texts.t("reports.choose_one"));
    return isOk;
  }

  complain(error) {
    this.#error.hidden = !error;
    setText(this.#error, error ?? "");
    for (const { input } of this.#boxes.values()) {
      if (error) input.setAttribute("aria-describedby", this.#error.id);
      else input.removeAttribute("aria-describedby");
    }
    const [first] = this.#boxes.values();
    if (error) first?.input.setAttribute("aria-invalid", "true");
    else first?.input.removeAttribute("aria-invalid");
  }

  translate() {
    for (const [name, { text }] of this.#boxes) setText(text, this.#texts.word(this.#family, name));
  }

  #chosen() {
    this.complain(null);
    this.#changed();
  }
}
