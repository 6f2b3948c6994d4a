/** Forms that help: each field with its label, a hint, and what is wrong with it; nothing typed is lost. */

import { h, newId, said, setText } from "./dom.js";

/**
 * @typedef {Object} FieldSettings
 * @property {string} name as the API calls it: its errors find their field by it
 * @property {string} label an i18n key
 * @property {string} [hint] an i18n key
 * @property {"text"|"number"|"password"|"search"|"date"|"datetime-local"|"month"|"checkbox"|"select"|"textarea"} [type]
 * @property {Array<{value: string, text: string|function(): string, group?: string|function(): string}>} [options]
 *   of a list
 * @property {*} [value]
 * @property {Object<string, *>} [attributes] of the input: `required`, `min`, `autocomplete`…
 */

/** One labelled input. */
export class Field {
  #texts;
  #options;
  #error;
  #hintId;

  /** The label with the input, the hint and the error. */
  element;
  /** The input itself. */
  input;
  name;

  /** @param {import("../i18n.js").Texts} texts @param {FieldSettings} settings */
  constructor(texts, { name, label, hint, type = "text", options = [], value, attributes = {} }) {
    this.#texts = texts;
    this.#options = options;
    this.name = name;
    const id = newId(`field-${name}`);
    this.#hintId = hint ? `${id}-hint` : null;
    this.input = newInput(type, { id, name, "aria-describedby": this.#hintId, ...attributes });
    this.#error = h("p", { id: `${id}-error`, class: "field-error", hidden: true });
    const title = said(texts, "label", label, { for: id });
    const notes = [hint && said(texts, "p", hint, { id: this.#hintId, class: "hint" }), this.#error];
    this.element = type === "checkbox"
      ? h("div", { class: "field", dataset: { field: name } }, h("div", { class: "check" }, this.input, title), notes)
      : h("div", { class: "field", dataset: { field: name } }, title, this.input, notes);
    if (type === "select") this.#fillOptions();
    if (value !== undefined && value !== null) this.value = value;
    this.input.addEventListener("input", () => this.complain(null));
  }

  /** A number, a boolean, or a text; a number's field that is empty is null. */
  get value() {
    if (this.input.type === "checkbox") return this.input.checked;
    if (this.input.type === "number") return this.input.value === "" ? null : this.input.valueAsNumber;
    return this.input.value;
  }

  set value(value) {
    if (this.input.type === "checkbox") this.input.checked = value;
    else this.input.value = String(value);
  }

  /** @param {FieldSettings["options"]} options of a list, instead of those that there are */
  set options(options) {
    this.#options = options;
    this.#fillOptions();
  }

  /** @param {string|null} error what is wrong, in words */
  complain(error) {
    this.#error.hidden = !error;
    setText(this.#error, error ?? "");
    if (error) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
    const described = [this.#hintId, error && this.#error.id].filter(Boolean).join(" ");
    if (described) this.input.setAttribute("aria-describedby", described);
    else this.input.removeAttribute("aria-describedby");
  }

  /**
   * What the browser itself finds wrong, in our words.
   *
   * @returns {boolean} whether it is good
   */
  check() {
    const { validity } = this.input;
    if (!this.input.willValidate || validity.valid) return true;
    this.complain(this.#fault(validity));
    return false;
  }

  #fault(validity) {
    const { min, max } = this.input;
    if (validity.valueMissing) return this.#texts.t("form.missing");
    if (validity.badInput || validity.stepMismatch) return this.#texts.t("form.whole_number");
    if (validity.rangeUnderflow) return this.#texts.t("form.at_least", { min });
    if (validity.rangeOverflow) return this.#texts.t("form.at_most", { max });
    return this.#texts.t("form.not_valid");
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    if (this.input.tagName === "SELECT") this.#fillOptions();
  }

  #fillOptions() {
    const chosen = this.input.value;
    const groups = new Map();
    this.input.replaceChildren();
    for (const { value, text, group } of this.#options) {
      const option = h("option", { value }, spoken(text));
      if (!group) {
        this.input.append(option);
        continue;
      }
      const label = spoken(group);
      if (!groups.has(label)) {
        groups.set(label, h("optgroup", { label }));
        this.input.append(groups.get(label));
      }
      groups.get(label).append(option);
    }
    if (this.#options.some(({ value }) => value === chosen)) this.input.value = chosen;
  }
}

const spoken = (text) => (typeof text === "function" ? text() : text);

function newInput(type, attributes) {
  if (type === "select" || type === "textarea") return h(type, attributes);
  return h("input", { type, ...(type === "number" ? { inputmode: "numeric", step: "1" } : {}), ...attributes });
}

/** Fields and a button; sends, and puts what the broker finds wrong where it belongs. */
export class Form {
  #texts;
  #fields;
  #send;
  #summary;
  #button;

  /** The form. */
  element;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {Field[]} settings.fields
   * @param {string} settings.submit an i18n key: what the button says
   * @param {boolean} [settings.isDangerous] paints the button so
   * @param {function(Object<string, *>): Promise<*>} settings.send gets the values by name; what it throws is shown
   * @param {Array<Node>} [settings.beside] further buttons, before that one
   * @param {Array<Node>} [settings.before] what stands above the fields
   * @param {Array<Node>} [settings.after] what stands between the fields and the button
   */
  constructor({ texts, fields, submit, isDangerous = false, send, beside = [], before = [], after = [] }) {
    this.#texts = texts;
    this.#fields = fields;
    this.#send = send;
    this.#summary = h("p", { class: "notice", role: "alert", hidden: true });
    this.#button = said(texts, "button", submit, { type: "submit", class: isDangerous ? "danger" : "primary" });
    this.element = h("form", { class: "fields", novalidate: true, onsubmit: (event) => this.#submit(event) },
      this.#summary, before, fields.map((field) => field.element), after, h("div", { class: "form-actions" }, beside, this.#button));
  }

  /** @returns {Object<string, *>} what is typed, by the fields' names */
  get values() {
    return Object.fromEntries(this.#fields.map((field) => [field.name, field.value]));
  }

  /** @param {string} name @returns {Field|undefined} */
  field(name) {
    return this.#fields.find((field) => field.name === name);
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    for (const field of this.#fields) field.translate();
  }

  async #submit(event) {
    event.preventDefault();
    if (this.element.ariaBusy === "true") return;
    this.complain(null);
    const wrong = this.#fields.filter((field) => !field.check());
    if (wrong.length > 0) return wrong[0].input.focus();
    this.#setBusy(true);
    try {
      await this.#send(this.values);
    } catch (error) {
      this.complain(error);
    } finally {
      this.#setBusy(false);
    }
  }

  /**
   * Shows what went wrong: next to its field if it names one, else above all.
   *
   * @param {Error|null} error null takes all complaints back
   */
  complain(error) {
    for (const field of this.#fields) field.complain(null);
    this.#summary.hidden = true;
    setText(this.#summary, "");
    if (!error) return;
    const faults = error.errors?.length ? error.errors : [error];
    const elsewhere = faults.filter((fault) => {
      const field = this.field(fault.field);
      field?.complain(explain(this.#texts, fault));
      return !field;
    });
    if (elsewhere.length > 0) {
      this.#summary.hidden = false;
      setText(this.#summary, elsewhere.map((fault) => explain(this.#texts, fault)).join(" "));
    }
    this.#fields.find((field) => field.input.ariaInvalid === "true")?.input.focus();
  }

  #setBusy(isBusy) {
    this.element.ariaBusy = String(isBusy);
    // Not `disabled`: the focus would be lost with it.
    this.#button.setAttribute("aria-disabled", String(isBusy));
  }
}

/** Problems about which the broker's own words say less than ours. */
const OURS = Object.freeze([
  "account_locked", "changed", "forbidden", "internal", "not_a_token", "not_for_people", "not_the_same", "sign_in_refused", "unauthorised", "unreachable",
]);

/**
 * What went wrong, in words: the kind of problem in the chosen language, and what the broker says about it, which
 * is English.
 *
 * @param {import("../i18n.js").Texts} texts
 * @param {{type?: string, detail?: string, message?: string, words?: string}} error of `Api`, or any other; `words`
 *   are shown as they are
 * @returns {string}
 */
export function explain(texts, { type, detail, words }) {
  if (words) return words;
  const isKnown = Boolean(type) && texts.has(`problem.${type}`);
  const own = texts.t(isKnown ? `problem.${type}` : "problem.internal");
  if (!detail || OURS.includes(type)) return own;
  return texts.language === "en" ? sentence(detail) : texts.t("problem.with_detail", { problem: own, detail });
}

function sentence(detail) {
  const text = detail.charAt(0).toUpperCase() + detail.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
