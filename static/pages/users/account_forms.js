/** The forms of an account: add one, give it another role, reset it. */

import { FormDialog } from "../../ui/dialog.js";
import { Field } from "../../ui/form.js";
import { Told } from "../parts/told.js";

const ROLES = Object.freeze(["supervisor", "admin"]);
const USER_MAX_CHARS = 128;
const PASSWORD_MIN_CHARS = 12;

/**
 * @param {Object} context of the page
 * @returns {Promise<?Object>} the account with its secret, which is told this once; null if it was given up
 */
export function addAccount(context) {
  const { texts, api } = context;
  const attributes = { required: true, maxlength: USER_MAX_CHARS, autocomplete: "off", spellcheck: "false" };
  const fields = [
    new Field(texts, { name: "user", label: "accounts.user", attributes }), roleField(texts, "supervisor"),
    passwordField(texts, true),
  ];
  const send = async (values) => {
    checkPassword(values.password, texts);
    try {
      return (await api.send("POST", "accounts", values)).data;
    } catch (error) {
      throw error.type === "exists" ? new Told(texts.t("users.refused_exists"), "user") : error;
    }
  };
  return new FormDialog({
    texts, title: texts.t("accounts.add_title"), text: texts.t("accounts.add_text"), fields, submit: "users.add_submit",
    send,
  }).open();
}

/**
 * @param {Object} context of the page
 * @param {{data: Object, etag: ?string}} existing
 * @returns {Promise<?Object>} the account as it is now; null if it was given up
 */
export function changeRole(context, { data, etag: read }) {
  const { texts, api } = context;
  const path = `accounts/${encodeURIComponent(data.user)}`;
  let etag = read;
  const send = async (values) => {
    try {
      return (await api.send("PATCH", path, values, { ifMatch: etag })).data;
    } catch (error) {
      if (error.type !== "changed") throw error;
      const now = await api.read(path);
      etag = now.etag;
      throw new Told(texts.t("accounts.changed_meanwhile", { role: texts.word("role", now.data.role) }), "role");
    }
  };
  const title = texts.t("accounts.change_title", { user: data.user });
  return new FormDialog({
    texts, title, text: texts.t("accounts.change_text"), fields: [roleField(texts, data.role)], submit: "users.save",
    send,
  }).open();
}

/**
 * Unlocks; and gives a new password or a new second factor where somebody has lost theirs.
 *
 * @param {Object} context of the page
 * @param {string} user
 * @returns {Promise<?Object>} the account as it is now, with a secret if there is a new one; null if it was given up
 */
export function resetAccount(context, user) {
  const { texts, api } = context;
  const factor = new Field(
    texts,
    { name: "new_totp_secret", label: "accounts.new_factor", hint: "accounts.new_factor_hint", type: "checkbox" },
  );
  const send = async ({ password, new_totp_secret }) => {
    checkPassword(password, texts);
    const body = { new_totp_secret, ...(password === "" ? {} : { password }) };
    return (await api.send("POST", `accounts/${encodeURIComponent(user)}/reset`, body)).data;
  };
  const title = texts.t("accounts.reset_title", { user });
  return new FormDialog({
    texts, title, text: texts.t("accounts.reset_text"), fields: [passwordField(texts, false), factor],
    submit: "accounts.reset", send,
  }).open();
}

function roleField(texts, value) {
  const options = ROLES.map((role) => ({ value: role, text: () => texts.word("role", role) }));
  return new Field(texts, { name: "role", label: "accounts.role", hint: "accounts.role_hint", type: "select", value, options });
}

function passwordField(texts, required) {
  const attributes = { required, autocomplete: "new-password" };
  return new Field(
    texts,
    {
      name: "password", label: required ? "accounts.password" : "accounts.new_password",
      hint: required ? "accounts.password_hint" : "accounts.new_password_hint", type: "password", attributes,
    },
  );
}

/** Empty is for the form itself to judge. */
function checkPassword(password, texts) {
  const length = [...password].length;
  if (length > 0 && length < PASSWORD_MIN_CHARS) throw new Told(
    texts.t("accounts.password_short", { count: PASSWORD_MIN_CHARS }), "password",
  );
}
