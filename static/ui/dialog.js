/** Questions and small forms that stand before the page until they are answered. Escape is always a no. */

import { h, newId, said } from "./dom.js";
import { Form } from "./form.js";

/**
 * Asks; the focus goes back to where it was.
 *
 * @param {Object} question
 * @param {import("../i18n.js").Texts} question.texts
 * @param {string} question.title in words, not a key
 * @param {string|Node} question.text in words, or more than words
 * @param {string} question.confirm what the button says that does it, in words
 * @param {boolean} [question.danger] whether it takes something away
 * @returns {Promise<boolean>}
 */
export function ask({ texts, title, text, confirm, danger = false }) {
  const { promise, resolve } = Promise.withResolvers();
  const body = text instanceof Node ? text : h("p", {}, text);
  const dialog = frame(title, body);
  const yes = h("button", { type: "button", class: danger ? "danger" : "primary", onclick: () => dialog.close("yes") }, confirm);
  const no = said(texts, "button", "dialog.cancel", { type: "button", onclick: () => dialog.close() });
  // Nothing is taken away by an Enter that came too soon.
  if (danger) no.autofocus = true;
  else yes.autofocus = true;
  dialog.append(h("div", { class: "form-actions" }, no, yes));
  show(dialog, () => resolve(dialog.returnValue === "yes"));
  return promise;
}

/**
 * Shows something until it is closed; the focus goes back to where it was.
 *
 * @param {Object} news
 * @param {import("../i18n.js").Texts} news.texts
 * @param {string} news.title in words
 * @param {Array<Node|string|false>} news.body
 * @returns {Promise<void>} once it is closed
 */
export function tell({ texts, title, body }) {
  const { promise, resolve } = Promise.withResolvers();
  const dialog = frame(title, ...body);
  const close = said(texts, "button", "dialog.close", { type: "button", class: "primary", onclick: () => dialog.close() });
  dialog.append(h("div", { class: "form-actions" }, close));
  show(dialog, resolve);
  return promise;
}

/** A form in a dialog; stays open, with everything that was typed, until it was sent or given up. */
export class FormDialog {
  #dialog;
  #promise;
  #resolve;

  /** The form within. */
  form;

  /**
   * @param {Object} settings beside those of `Form`:
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {string} settings.title in words
   * @param {string|Node} [settings.text] in words, or more than words
   */
  constructor({ title, text, ...settings }) {
    ({ promise: this.#promise, resolve: this.#resolve } = Promise.withResolvers());
    const { texts, send, beside = [] } = settings;
    const cancel = said(texts, "button", "dialog.cancel", { type: "button", onclick: () => this.#dialog.close() });
    this.form = new Form({ ...settings, beside: [cancel, ...beside], send: async (values) => this.#done(await send(values)) });
    const introduction = typeof text === "string" ? h("p", {}, text) : text;
    this.#dialog = frame(title, introduction, this.form.element);
  }

  /**
   * Opens it.
   *
   * @returns {Promise<*>} what `send` gave, `true` if that was nothing; null if it was given up
   */
  open() {
    show(this.#dialog, () => this.#resolve(null));
    return this.#promise;
  }

  /** Gives it up. */
  close() {
    this.#dialog.close();
  }

  #done(result) {
    this.#resolve(result ?? true);
    this.#dialog.close();
  }
}

function frame(title, ...body) {
  const id = newId("dialog");
  return h("dialog", { class: "dialog", "aria-labelledby": id }, h("h2", { id }, title), body);
}

function show(dialog, onClosed) {
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus({ preventScroll: true });
    onClosed();
  });
  document.body.append(dialog);
  dialog.showModal();
}
