/** One condition of a custom report: a field, how it is compared, and with what. */

import { h, said } from "../ui/dom.js";
import { Field, explain } from "../ui/form.js";
import { wordOf } from "./reports_words.js";

/** Between the parts of a condition in an address; no field and no operator has it. */
const SEPARATOR = ":";
/** Operators that compare with all of a value. */
const WHOLE = ["eq", "ne", "in"];

/** Tells by `remove` when it is to go. */
export class Filter extends EventTarget {
  #texts;
  #zone;
  #source;
  #licences;
  #field;
  #operator;
  #value = null;

  element;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {import("../ui/zone.js").Zone} settings.zone
   * @param {Object} settings.source as the API describes it
   * @param {string[]} settings.licences the keys of the licence types
   * @param {{field: string, op: string, value: *}} [settings.filter] as the API takes it
   */
  constructor({ texts, zone, source, licences, filter }) {
    super();
    this.#texts = texts;
    this.#zone = zone;
    this.#source = source;
    this.#licences = licences;
    const fields = source.fields.filter((field) => field.filter).map(({ name }) => ({ value: name, text: () => texts.word("field", name) }));
    this.#field = new Field(texts, { name: "field", label: "reports.filter_field", type: "select", options: fields, value: filter?.field });
    const remove = said(texts, "button", "reports.filter_remove", { type: "button", class: "small", onclick: () => this.dispatchEvent(new Event("remove")) });
    this.element = h("div", { class: "report-filter", role: "group" }, this.#field.element, remove);
    this.#field.input.addEventListener("change", () => this.#drawOperator());
    this.#drawOperator(filter);
    this.translate();
  }

  /** @returns {{field: string, op: string, value: *}} as the API takes it */
  get value() {
    const value = this.#value.value;
    return { field: this.#field.value, op: this.#operator.value, value: this.#isList ? value : this.#one(value) };
  }

  /** @returns {string} as an address has it */
  get text() {
    const { field, op, value } = this.value;
    const values = (Array.isArray(value) ? value : [value]).map((one) => encodeURIComponent(one));
    return [field, op, values.join(",")].join(SEPARATOR);
  }

  /** @param {string} text of an address @param {Object} source @returns {Object|null} null where it says nothing of this source */
  static read(text, source) {
    const [field, op, ...rest] = text.split(SEPARATOR);
    const known = source.fields.find(({ name }) => name === field);
    if (!known?.operators.includes(op)) return null;
    const values = rest.join(SEPARATOR).split(",").map(decoded).map((value) => (known.type === "integer" ? Number(value) : value));
    return { field, op, value: op === "in" ? values : values[0] };
  }

  /** @returns {boolean} whether it can be used; if not, what is wrong stands there */
  check() {
    return this.#value.check();
  }

  /** @param {Error} error of the API about this condition */
  complain(error) {
    this.#value.complain(explain(this.#texts, error));
  }

  focus() {
    this.#field.input.focus();
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    this.element.setAttribute("aria-label", this.#texts.t("reports.filter"));
    for (const part of [this.#field, this.#operator, this.#value]) part.translate();
  }

  get #known() {
    return this.#source.fields.find(({ name }) => name === this.#field.value);
  }

  get #isList() {
    return this.#operator.value === "in";
  }

  #drawOperator(filter) {
    const options = this.#known.operators.map((name) => ({ value: name, text: () => this.#texts.word("operator", name) }));
    const operator = new Field(this.#texts, { name: "op", label: "reports.filter_op", type: "select", options, value: filter?.op });
    operator.input.addEventListener("change", () => this.#drawValue());
    if (this.#operator) this.#operator.element.replaceWith(operator.element);
    else this.#field.element.after(operator.element);
    this.#operator = operator;
    this.#drawValue(filter?.value);
  }

  #drawValue(given) {
    const value = this.#newValue(given);
    if (this.#value) this.#value.element.replaceWith(value.element);
    else this.#operator.element.after(value.element);
    this.#value = value;
  }

  #newValue(given) {
    const { name, type } = this.#known;
    const values = this.#choices();
    const texts = this.#texts;
    const settings = { name: "value", label: "reports.filter_value", attributes: { required: true } };
    if (values) {
      const options = values.map((value) => ({ value, text: () => wordOf(texts, this.#source.source, name, value) }));
      if (this.#isList) return new ListField(new Field(texts, { ...settings, type: "select", options, attributes: { multiple: true, required: true, size: "5" } }), given);
      return new Field(texts, { ...settings, type: "select", options, value: given });
    }
    if (this.#isList) return new ListField(new Field(texts, { ...settings, hint: "reports.filter_list" }), given, type === "integer");
    if (type === "integer") return new Field(texts, { ...settings, type: "number", value: given });
    if (type === "time") return new Field(texts, { ...settings, type: "datetime-local", value: given && this.#zone.toField(Date.parse(given)) });
    return new Field(texts, { ...settings, value: given });
  }

  /** The values that there are to choose from, or null where anything may stand; parts of words are typed. */
  #choices() {
    const { name, values } = this.#known;
    return name === "licence" && WHOLE.includes(this.#operator.value) ? this.#licences : values;
  }

  /** Times are typed as clocks of the organisation show them. */
  #one(value) {
    if (this.#known.type !== "time") return value;
    const at_ms = this.#zone.fromField(value);
    return at_ms === null ? "" : new Date(at_ms).toISOString();
  }
}

/** Several values: of a list, or typed between commas. */
class ListField {
  #field;
  #areNumbers;

  constructor(field, given, areNumbers = false) {
    this.#field = field;
    this.#areNumbers = areNumbers;
    const { input } = field;
    const values = Array.isArray(given) ? given : [];
    if (input.multiple) for (const option of input.options) option.selected = values.includes(option.value);
    else input.value = values.join(", ");
    this.element = field.element;
  }

  get value() {
    const { input } = this.#field;
    if (input.multiple) return [...input.selectedOptions].map((option) => option.value);
    const parts = input.value.split(",").map((part) => part.trim()).filter(Boolean);
    return this.#areNumbers ? parts.map(Number) : parts;
  }

  check() {
    return this.#field.check();
  }

  complain(error) {
    this.#field.complain(error);
  }

  translate() {
    const chosen = this.value;
    this.#field.translate();
    if (this.#field.input.multiple) for (const option of this.#field.input.options) option.selected = chosen.includes(option.value);
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
