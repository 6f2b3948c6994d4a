/** What an authenticator app is told, the one time that the broker tells it. */

import { h, newId, said, setText } from "../../ui/dom.js";
import { qrOf } from "../wallboards/qr.js";

/** Letters in a group: so they are read out and typed. */
const GROUP = /.{1,4}/g;

/** Hidden until there is a secret; it is gone when it is closed. */
export class Enrolment {
  #texts;
  #account = null;
  #title;
  #secret;
  #link;
  #code;

  element;

  /** @param {import("../../i18n.js").Texts} texts */
  constructor(texts) {
    this.#texts = texts;
    const id = newId("enrolment");
    this.#title = h("h2", { id, tabindex: "-1" });
    this.#secret = h("p", { class: "code secret", id: "enrolment-secret" });
    this.#link = said(texts, "a", "accounts.open_app", {});
    const close = said(
      texts, "button", "accounts.kept",
      { type: "button", class: "primary", id: "enrolment-close", onclick: () => this.#close() },
    );
    this.#code = h("div", { class: "enrolment-code" });
    this.element = h("section", { class: "panel part enrolment", "aria-labelledby": id, hidden: true },
      this.#title, said(texts, "p", "accounts.secret_about"), this.#code, this.#secret, h("p", {}, this.#link),
      h("div", { class: "form-actions" }, close));
  }

  /** @param {{user: string, totp_secret: string, otpauth_uri: string}} account */
  show(account) {
    this.#account = account;
    this.translate();
    setText(this.#secret, account.totp_secret.match(GROUP).join(" "));
    this.#link.href = account.otpauth_uri;
    this.element.hidden = false;
    this.#title.focus();
  }

  translate() {
    if (!this.#account) return;
    setText(this.#title, this.#texts.t("accounts.secret_title", { user: this.#account.user }));
    this.#code.replaceChildren(qrOf(this.#account.otpauth_uri, this.#texts.t("accounts.code")));
  }

  #close() {
    this.#account = null;
    this.element.hidden = true;
    setText(this.#secret, "");
    this.#code.replaceChildren();
    this.#link.removeAttribute("href");
    document.getElementById("accounts-add")?.focus();
  }
}
