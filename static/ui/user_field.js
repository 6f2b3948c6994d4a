/** A user's login name, with suggestions from those whom the role may see. */

import { Field } from "./form.js";
import { h, newId } from "./dom.js";

/** Of those who are logged in, this many are known at most; this many are suggested at once. */
const SESSIONS_MAX = 5_000;
const SUGGESTIONS_MAX = 20;

/** Administrators are suggested whom there is, supervisors who is logged in. A name can be typed without any of it. */
export class UserField {
  #api;
  #search;
  #field;
  #list;
  #asking = new AbortController();
  /** Who is logged in; read when the field is first used. */
  #known = null;

  /** The label with the input. */
  element;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {import("../console/api.js").Api} settings.api
   * @param {string} settings.role
   */
  constructor({ texts, api, role }) {
    this.#api = api;
    this.#search = role === "supervisor" ? (typed, signal) => this.#loggedIn(typed, signal) : (typed, signal) => this.#users(typed, signal);
    this.#list = h("datalist", { id: newId("users") });
    const attributes = { list: this.#list.id, autocomplete: "off", spellcheck: "false", maxlength: "128" };
    this.#field = new Field(texts, { name: "user", label: "usage.user", type: "search", attributes });
    this.element = this.#field.element;
    this.element.append(this.#list);
  }

  get value() {
    return this.#field.value;
  }

  set value(value) {
    this.#field.value = value;
  }

  /** @param {AbortSignal} signal */
  start(signal) {
    const { input } = this.#field;
    input.addEventListener("focus", () => this.#suggest(signal), { signal });
    input.addEventListener("input", () => this.#suggest(signal), { signal });
  }

  /** @param {string|null} error what is wrong, in words */
  complain(error) {
    this.#field.complain(error);
  }

  /** After a change of language. */
  translate() {
    this.#field.translate();
  }

  /** What is typed next gives up what was asked for before. */
  async #suggest(signal) {
    this.#asking.abort();
    this.#asking = new AbortController();
    try {
      const found = await this.#search(this.value.trim(), AbortSignal.any([signal, this.#asking.signal]));
      this.#list.replaceChildren(...found.slice(0, SUGGESTIONS_MAX).map(({ user, name }) => h("option", { value: user }, name)));
    } catch {
      // Suggestions help, and nothing more.
    }
  }

  async #users(typed, signal) {
    return (await this.#api.page("users", { search: typed, limit: SUGGESTIONS_MAX }, null, { signal })).items;
  }

  async #loggedIn(typed, signal) {
    if (!this.#known) {
      const { items } = await this.#api.all("sessions", {}, { signal, items_max: SESSIONS_MAX });
      this.#known = [...new Set(items.map(({ user }) => user))].map((user) => ({ user, name: "" }));
    }
    return this.#known.filter(({ user }) => user.toLowerCase().includes(typed.toLowerCase()));
  }
}
