/** Accounts: who signs in to these pages, as administrator or supervisor. Another thing than users, who log in. */

import { isAbort } from "../../console/api.js";
import { ask } from "../../ui/dialog.js";
import { h, said, setText } from "../../ui/dom.js";
import { explain } from "../../ui/form.js";
import { Table } from "../../ui/table.js";
import { PagedTable } from "../parts/paged.js";
import { rowButtons } from "../parts/row_buttons.js";
import { addAccount, changeRole, resetAccount } from "./account_forms.js";
import { Enrolment } from "./enrolment.js";

/** The view `#/users?view=accounts`. */
export default class Accounts {
  #context;
  #paged;
  #enrolment;
  #trouble;
  #signal = null;

  element;

  constructor(context) {
    this.#context = context;
    const { texts, api, announce } = context;
    this.#paged = new PagedTable({
      texts, api, announce, table: this.#newTable(), path: "accounts",
      found: (count, hasMore) => texts.t(hasMore ? "accounts.found_more" : "accounts.found", { count }),
    });
    this.#enrolment = new Enrolment(texts);
    this.#trouble = h("p", { class: "notice", role: "alert", hidden: true });
    const add = said(
      texts, "button", "accounts.add",
      { type: "button", class: "primary", id: "accounts-add", onclick: () => this.#add() },
    );
    this.element = h("div", { class: "view" },
      h("div", { class: "toolbar" }, said(texts, "p", "accounts.introduction", { class: "hint" }), add),
      this.#trouble, this.#enrolment.element, this.#paged.element);
  }

  async start(signal) {
    this.#signal = signal;
    await this.#paged.load({}, signal);
  }

  translate() {
    this.#context.texts.apply(this.element);
    this.#enrolment.translate();
    this.#paged.translate();
  }

  #newTable() {
    const { texts, organisation } = this.#context;
    return new Table({
      texts,
      caption: () => texts.t("accounts.caption", { zone: organisation.time_zone }),
      empty: "accounts.none",
      timeZone: organisation.time_zone,
      rowKey: ({ user }) => user,
      columns: [
        {
          key: "user", label: "accounts.user", kind: "code", value: ({ user }) => user,
          cell: ({ user }) => h("bdi", {}, user), sortable: true,
        },
        { key: "role", label: "accounts.role", value: ({ role }) => texts.word("role", role), sortable: true },
        { key: "locked_at", label: "accounts.state", value: (row) => row.locked_at, cell: (row) => this.#state(row) },
        { key: "created_at", label: "accounts.created_at", kind: "time", value: (row) => row.created_at, sortable: true },
        { key: "actions", label: "users.actions", value: () => "", cell: (row, before) => this.#actions(row, before) },
      ],
    });
  }

  #state({ locked_at: at }) {
    const { texts, organisation } = this.#context;
    if (!at) return texts.t("accounts.good");
    return h(
      "span", { class: "badge", dataset: { standing: "suspended" } },
      texts.t("accounts.locked", { time: texts.dateTime(at, organisation.time_zone) }),
    );
  }

  #actions({ user }, before) {
    const actions = [
      { key: "accounts.change", label: "accounts.change_of", onclick: () => this.#change(user) },
      { key: "accounts.reset", label: "accounts.reset_of", onclick: () => this.#reset(user) },
      { key: "users.delete", label: "users.delete_of", onclick: () => this.#delete(user) },
    ];
    return rowButtons(this.#context.texts, actions, { user }, before);
  }

  // ---- what the person does -----------------------------------------------------------------------

  #add() {
    return this.#try(async () => {
      const account = await addAccount(this.#context);
      if (!account) return;
      this.#paged.change((rows) => [account, ...rows]);
      this.#enrolment.show(account);
    });
  }

  #change(user) {
    return this.#try(async () => {
      const existing = await this.#context.api.read(this.#path(user), {}, { signal: this.#signal });
      this.#replace(await changeRole(this.#context, existing), "accounts.changed");
    });
  }

  #reset(user) {
    return this.#try(async () => {
      const account = await resetAccount(this.#context, user);
      this.#replace(account, "accounts.was_reset");
      if (account?.totp_secret) this.#enrolment.show(account);
    });
  }

  async #delete(user) {
    const { texts, api } = this.#context;
    const question = {
      texts, title: texts.t("accounts.delete_title", { user }), text: texts.t("accounts.delete_text"),
      confirm: texts.t("users.delete"), danger: true,
    };
    if (!(await ask(question))) return;
    await this.#try(async () => {
      await api.send("DELETE", this.#path(user));
      this.#paged.change((rows) => rows.filter((row) => row.user !== user));
      this.#context.announce(texts.t("users.deleted", { user }));
    });
  }

  #replace(account, key) {
    if (!account) return;
    this.#paged.change((rows) => rows.map((row) => (row.user === account.user ? account : row)));
    this.#context.announce(this.#context.texts.t(key, { user: account.user }));
  }

  #path(user) {
    return `accounts/${encodeURIComponent(user)}`;
  }

  async #try(work) {
    this.#trouble.hidden = true;
    try {
      await work();
    } catch (error) {
      if (isAbort(error)) return;
      this.#trouble.hidden = false;
      setText(this.#trouble, explain(this.#context.texts, error));
    }
  }
}
