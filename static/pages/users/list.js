/** The list of users: found by name, status and type; added, changed and deleted. */

import { isAbort } from "../../console/api.js";
import { h, said } from "../../ui/dom.js";
import { ask } from "../../ui/dialog.js";
import { explain } from "../../ui/form.js";
import { Table } from "../../ui/table.js";
import { PagedTable } from "../parts/paged.js";
import { rowButtons } from "../parts/row_buttons.js";
import { Offer } from "./catalogue.js";
import { UserEditor } from "./editor.js";

/** Typing is over when nothing was typed for so long. */
const TYPED_AFTER_MS = 300;
const STATUSES = Object.freeze(["active", "pre_active", "suspended"]);
const FILTERS = Object.freeze(["search", "status", "user_type"]);

/** The view that `#/users` opens with. */
export default class UserList {
  #context;
  #offer = new Offer([]);
  #inputs = {};
  #paged;
  #trouble;
  #typing = null;
  #signal = null;

  element;

  constructor(context) {
    this.#context = context;
    const { texts, api, announce } = context;
    const table = this.#newTable();
    this.#paged = new PagedTable({
      texts, api, announce, table, path: "users",
      found: (count, hasMore) => texts.t(hasMore ? "users.found_more" : "users.found", { count }),
    });
    this.#trouble = h("p", { class: "notice", role: "alert", hidden: true });
    this.element = h("div", { class: "view" },
      said(texts, "p", "users.introduction", { class: "hint" }),
      h("div", { class: "toolbar" }, this.#filterForm(), this.#addButton()),
      this.#trouble, this.#paged.element);
  }

  async start(signal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => clearTimeout(this.#typing));
    // What the licences say is needed by the form and the filter; the list itself waits for nothing.
    await Promise.all([this.#load(), this.#loadOffer()]);
  }

  translate() {
    this.#context.texts.apply(this.element);
    this.#fillChoices();
    this.#paged.translate();
  }

  // ---- finding ------------------------------------------------------------------------------------

  #filterForm() {
    const { texts, params } = this.#context;
    const labelled = (name, key, input) => {
      this.#inputs[name] = input;
      return h("label", { class: "field" }, said(texts, "span", key), input);
    };
    const search = h(
      "input",
      {
        type: "search", name: "search", id: "users-search", autocomplete: "off", spellcheck: "false",
        value: params.get("search") ?? "",
      },
    );
    const status = h("select", { name: "status", id: "users-status" });
    const type = h("select", { name: "user_type", id: "users-type" });
    const form = h("form", { class: "filters", role: "search", onsubmit: (event) => this.#filter(event) },
      labelled("search", "users.search", search), labelled("status", "users.status", status), labelled("user_type", "users.user_type", type));
    search.addEventListener("input", () => this.#typed());
    for (const choice of [status, type]) choice.addEventListener("change", () => this.#filter());
    this.#fillChoices();
    return form;
  }

  /** What was chosen stays, whether its entry is known yet or not. */
  #fillChoices() {
    const { texts, params } = this.#context;
    const all = h("option", { value: "" }, texts.t("users.all"));
    const fill = (name, entries) => {
      const select = this.#inputs[name];
      const chosen = select.options.length > 0 ? select.value : params.get(name) ?? "";
      const known = entries.some(([value]) => value === chosen) || chosen === "" ? entries : [...entries, [chosen, this.#offer.nameOf(chosen, texts)]];
      select.replaceChildren(all.cloneNode(true), ...known.map(([value, text]) => h("option", { value }, text)));
      select.value = chosen;
    };
    fill("status", STATUSES.map((word) => [word, texts.word("standing", word)]));
    fill("user_type", this.#offer.types.map(({ licence }) => [licence, this.#offer.nameOf(licence, texts)]));
  }

  #typed() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#filter(), TYPED_AFTER_MS);
  }

  #filter(event) {
    event?.preventDefault();
    clearTimeout(this.#typing);
    this.#context.navigate("users", this.#query, { replace: true });
    this.#load();
  }

  get #query() {
    return Object.fromEntries(FILTERS.map((name) => [name, this.#inputs[name].value.trim()]).filter(([, value]) => value !== ""));
  }

  #load() {
    return this.#paged.load(this.#query, this.#signal);
  }

  async #loadOffer() {
    try {
      this.#offer = await Offer.of(this.#context.api, this.#signal);
    } catch (error) {
      if (!isAbort(error)) this.#complain(error);
      return;
    }
    this.#fillChoices();
    this.#paged.change((rows) => rows);
  }

  // ---- the table ----------------------------------------------------------------------------------

  #newTable() {
    const { texts } = this.#context;
    const names = (user) => user.features.map((feature) => this.#offer.nameOf(feature, texts)).join(texts.t("changes.between"));
    return new Table({
      texts,
      caption: "users.title",
      isCaptionHidden: true,
      empty: "users.none",
      rowKey: ({ user }) => user,
      columns: [
        {
          key: "user", label: "users.user", kind: "code", value: ({ user }) => user,
          cell: ({ user }) => h("bdi", {}, user), sortable: true,
        },
        { key: "name", label: "users.name", value: ({ name }) => name, cell: ({ name }) => h("bdi", {}, name), sortable: true },
        {
          key: "status", label: "users.status", value: ({ status }) => texts.word("standing", status),
          cell: ({ status }) => h("span", { class: "badge", dataset: { standing: status } }, texts.word("standing", status)),
          sortable: true,
        },
        { key: "user_type", label: "users.user_type", value: (user) => this.#offer.nameOf(user.user_type, texts), sortable: true },
        { key: "features", label: "users.features", value: names },
        {
          key: "base_licence", label: "users.base_licence",
          value: (user) => texts.t(user.base_licence ? "users.yes" : "users.no"),
        },
        { key: "actions", label: "users.actions", value: () => "", cell: (user, before) => this.#actions(user, before) },
      ],
    });
  }

  #actions({ user }, before) {
    const actions = [
      { key: "users.edit", label: "users.edit_of", onclick: () => this.#edit(user) },
      { key: "users.delete", label: "users.delete_of", onclick: () => this.#delete(user) },
    ];
    return rowButtons(this.#context.texts, actions, { user }, before);
  }

  #addButton() {
    return said(
      this.#context.texts, "button", "users.add",
      { type: "button", class: "primary", id: "users-add", onclick: () => this.#add() },
    );
  }

  // ---- what the person does -----------------------------------------------------------------------

  async #add() {
    await this.#try(async () => {
      const offer = await Offer.of(this.#context.api, this.#signal);
      const user = await new UserEditor(this.#context, offer).open();
      if (!user) return;
      this.#paged.change((rows) => [user, ...rows]);
      this.#say("users.added", user.user);
    });
  }

  async #edit(name) {
    await this.#try(async () => {
      const { api } = this.#context;
      const [existing, offer] = await Promise.all([api.read(`users/${encodeURIComponent(name)}`), Offer.of(api, this.#signal)]);
      const user = await new UserEditor(this.#context, offer, existing).open();
      if (!user) return;
      this.#paged.change((rows) => rows.map((row) => (row.user === name ? user : row)));
      this.#say("users.saved", name);
    });
  }

  async #delete(user) {
    const { texts, api } = this.#context;
    const isMeant = await ask({
      texts,
      title: texts.t("users.delete_title", { user }),
      text: texts.t("users.delete_text"),
      confirm: texts.t("users.delete"),
      danger: true,
    });
    if (!isMeant) return;
    await this.#try(async () => {
      await api.send("DELETE", `users/${encodeURIComponent(user)}`);
      this.#paged.change((rows) => rows.filter((row) => row.user !== user));
      this.#say("users.deleted", user);
    });
  }

  #say(key, user) {
    const { texts, announce } = this.#context;
    announce(texts.t(key, { user }));
  }

  async #try(work) {
    this.#trouble.hidden = true;
    try {
      await work();
    } catch (error) {
      if (!isAbort(error)) this.#complain(error);
    }
  }

  #complain(error) {
    this.#trouble.hidden = false;
    this.#trouble.textContent = explain(this.#context.texts, error);
  }
}
