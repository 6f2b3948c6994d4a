/** A user's login name, with suggestions from those whom the role may see. */

import { Field } from "./form.js";
import { h, newId } from "./dom.js";

/** What is read at most, and what is suggested at once. */
const USERS_MAX = 5_000;
const SUGGESTIONS_MAX = 20;

export class UserField {
  #api;
  #role;
  #field;
  #list;
  /** Login name → display name; read when the field is first used. */
  #users = null;

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
    this.#role = role;
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
    input.addEventListener("focus", () => this.#read(signal), { signal, once: true });
    input.addEventListener("input", () => this.#suggest(), { signal });
  }

  /** @param {string|null} error what is wrong, in words */
  complain(error) {
    this.#field.complain(error);
  }

  /** After a change of language. */
  translate() {
    this.#field.translate();
  }

  /** Administrators see whom there is, supervisors who is logged in. A name can be typed without any of it. */
  async #read(signal) {
    const path = this.#role === "supervisor" ? "sessions" : "users";
    try {
      const { items } = await this.#api.all(path, {}, { signal, items_max: USERS_MAX });
      this.#users = new Map(items.map(({ user, name }) => [user, name ?? ""]));
      this.#suggest();
    } catch {
      this.#users = null;
    }
  }

  #suggest() {
    if (!this.#users) return;
    const typed = this.value.trim().toLowerCase();
    const fits = ([user, name]) => user.toLowerCase().includes(typed) || name.toLowerCase().includes(typed);
    const found = [...this.#users].filter(fits).slice(0, SUGGESTIONS_MAX);
    this.#list.replaceChildren(...found.map(([value, name]) => h("option", { value }, name)));
  }
}
