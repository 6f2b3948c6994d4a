/** Signing in: with an account, with a token that somebody else issued, or into a demonstration by one click. */

import { demonstration } from "../access.js";
import { ApiError } from "./call.js";
import { FormDialog } from "../ui/dialog.js";
import { Field, Form, explain } from "../ui/form.js";
import { h, said, setText } from "../ui/dom.js";

const DEMO_ROLES = Object.freeze(["admin", "supervisor"]);

/** The page that stands there while nobody is signed in. */
export class SignIn {
  #texts;
  #session;
  #onSignedIn;
  #forms;
  #demo;
  #demoError;

  /** Its root. */
  element;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {import("./session.js").Session} settings.session
   * @param {function(): void} settings.onSignedIn
   */
  constructor({ texts, session, onSignedIn }) {
    this.#texts = texts;
    this.#session = session;
    this.#onSignedIn = onSignedIn;
    this.#forms = [this.#accountForm(), this.#tokenForm()];
    const [account, token] = this.#forms.map((form) => form.element);
    this.#demoError = h("p", { class: "notice", role: "alert", hidden: true });
    this.#demo = this.#demoPart();
    this.element = h("section", { class: "sign-in", "aria-labelledby": "sign-in-title" },
      said(texts, "h1", "sign_in.title", { id: "sign-in-title", tabindex: "-1" }),
      this.#demo,
      h("div", { class: "panel" }, account),
      h("details", { class: "panel" }, said(texts, "summary", "sign_in.by_token"), token),
      h("p", { class: "hint" }, said(texts, "a", "sign_in.desk", { href: "/desk" }), " · ",
        said(texts, "a", "sign_in.wallboard", { href: "/wallboard" })));
  }

  async start() {
    // A broker that cannot be reached says so when one signs in.
    const demo = await demonstration().catch(() => null);
    this.#demo.hidden = demo === null;
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    for (const form of this.#forms) form.translate();
  }

  #demoPart() {
    const texts = this.#texts;
    const buttons = DEMO_ROLES.map((role) => {
      const key = role === "admin" ? "sign_in.demo_admin" : "sign_in.demo_supervisor";
      return said(texts, "button", key, { type: "button", class: "primary", id: `demo-${role}`, onclick: () => this.#enterDemo(role) });
    });
    return h("div", { class: "panel demo", id: "demo", hidden: true }, said(texts, "h2", "sign_in.demo"), said(texts, "p", "sign_in.demo_text"),
      this.#demoError, h("div", { class: "form-actions" }, buttons));
  }

  async #enterDemo(role) {
    try {
      await this.#session.enterDemo(role);
    } catch (error) {
      this.#demoError.hidden = false;
      return setText(this.#demoError, explain(this.#texts, error));
    }
    this.#onSignedIn();
  }

  #accountForm() {
    const texts = this.#texts;
    const fields = [
      new Field(texts, {
        name: "organisation", type: "number", label: "sign_in.organisation", hint: "sign_in.organisation_hint",
        attributes: { min: 1, max: Number.MAX_SAFE_INTEGER, autocomplete: "organization" },
      }),
      new Field(texts, {
        name: "user", label: "sign_in.user",
        attributes: { required: true, autocomplete: "username", autocapitalize: "none", spellcheck: "false" },
      }),
      ...proofFields(texts),
    ];
    const form = new Form({
      texts, fields, submit: "sign_in.submit",
      send: async (values) => {
        await prove(texts, this.#session, values);
        this.#onSignedIn();
      },
    });
    form.element.id = "sign-in-form";
    return form;
  }

  #tokenForm() {
    const texts = this.#texts;
    const form = new Form({
      texts, fields: [tokenField(texts)], submit: "sign_in.submit_token",
      send: async ({ token }) => {
        await this.#session.adopt(token.trim());
        this.#onSignedIn();
      },
    });
    form.element.id = "token-form";
    return form;
  }
}

/**
 * Asks whoever is signed in to prove it again, before whatever page is open.
 *
 * @param {import("../i18n.js").Texts} texts
 * @param {import("./session.js").Session} session
 * @returns {Promise<boolean>} whether there is a new token
 */
export async function askAgain(texts, session) {
  const { source, user } = session;
  const isAccount = source === "account";
  // An operator's account has no organisation, whichever they look at.
  const organisation = session.role === "operator" ? null : session.organisation;
  const dialog = new FormDialog({
    texts,
    title: texts.t("sign_in.again_title"),
    text: texts.t("sign_in.again_text", { user }),
    fields: isAccount ? proofFields(texts) : [tokenField(texts)],
    submit: isAccount ? "sign_in.submit" : "sign_in.submit_token",
    send: (values) => (isAccount ? prove(texts, session, { organisation, user, ...values }) : session.adopt(values.token.trim())),
  });
  return (await dialog.open()) !== null;
}

function proofFields(texts) {
  return [
    new Field(texts, {
      name: "password", type: "password", label: "sign_in.password",
      attributes: { required: true, autocomplete: "current-password" },
    }),
    new Field(texts, {
      name: "code", label: "sign_in.code", hint: "sign_in.code_hint",
      attributes: { required: true, autocomplete: "one-time-code", inputmode: "numeric", maxlength: 9, class: "code-input", spellcheck: "false" },
    }),
  ];
}

function tokenField(texts) {
  return new Field(texts, {
    name: "token", type: "password", label: "sign_in.token", hint: "sign_in.token_hint",
    attributes: { required: true, autocomplete: "off", spellcheck: "false" },
  });
}

/** What the broker answers to a sign-in is the same for whatever is wrong; here stands what one can do. */
async function prove(texts, session, { organisation, user, password, code }) {
  try {
    await session.signIn({ organisation, user: user.trim(), password, code });
  } catch (error) {
    if (error.type !== "overloaded") throw error;
    const seconds = error.retry_after_s ?? 1;
    throw new ApiError(error.status, { type: "overloaded", words: texts.t("sign_in.too_many", { seconds }) });
  }
}
