/** The form of a user: add, and change without trampling on what somebody else changed meanwhile. */

import { h, setText } from "../../ui/dom.js";
import { FormDialog } from "../../ui/dialog.js";
import { Field } from "../../ui/form.js";
import { changesOf } from "../parts/changes.js";
import { Told } from "../parts/told.js";
import { FeaturesField } from "./features_field.js";
import { changed, merged } from "./merge.js";

const STATUSES = Object.freeze(["pre_active", "active", "suspended"]);
const NEW = Object.freeze({ user: "", name: "", status: "active", user_type: "", features: [] });
const USER_MAX_CHARS = 128;
const NAME_MAX_CHARS = 256;

/** One opening of the form. */
export class UserEditor {
  #context;
  #offer;
  /** As it was read; what is typed is held against it. */
  #before;
  #etag;
  #fields;
  #dialog;
  #consequences;

  /**
   * @param {Object} context of the page
   * @param {import("./catalogue.js").Offer} offer
   * @param {?{data: Object, etag: ?string}} existing null for a new user
   */
  constructor(context, offer, existing = null) {
    this.#context = context;
    this.#offer = offer;
    this.#before = existing?.data ?? NEW;
    this.#etag = existing?.etag ?? null;
    const { texts } = context;
    this.#fields = this.#newFields();
    this.#consequences = h("p", { class: "message", "aria-live": "polite", hidden: true });
    this.#dialog = new FormDialog({
      texts,
      title: this.#isNew ? texts.t("users.add_title") : texts.t("users.edit_title", { user: this.#before.user }),
      fields: this.#fields,
      submit: this.#isNew ? "users.add_submit" : "users.save",
      after: [this.#consequences],
      send: (values) => this.#send(values),
    });
    this.#dialog.form.element.classList.add("user-form");
    this.#dialog.form.element.addEventListener("change", () => this.#drawConsequences());
  }

  /** @returns {Promise<?Object>} the user as they are now; null if it was given up */
  open() {
    return this.#dialog.open();
  }

  get #isNew() {
    return this.#before.user === "";
  }

  #newFields() {
    const { texts } = this.#context;
    const { name, status, user_type: type, features } = this.#before;
    const plain = { autocomplete: "off", spellcheck: "false" };
    const loginName = {
      name: "user", label: "users.user", hint: "users.user_hint",
      attributes: { ...plain, required: true, maxlength: USER_MAX_CHARS },
    };
    const types = this.#offer.types.map(({ licence }) => ({ value: licence, text: () => this.#typeText(licence) }));
    const choose = this.#isNew ? [{ value: "", text: () => texts.t("users.choose_type") }] : [];
    const fields = [
      {
        name: "name", label: "users.name", hint: "users.name_hint", value: name,
        attributes: { ...plain, maxlength: NAME_MAX_CHARS },
      },
      {
        name: "user_type", label: "users.user_type", hint: "users.user_type_hint", type: "select", value: type,
        options: [...choose, ...types], attributes: { required: true },
      },
      {
        name: "status", label: "users.status", hint: "users.status_hint", type: "select", value: status,
        options: STATUSES.map((word) => ({ value: word, text: () => texts.word("standing", word) })),
      },
    ];
    const all = this.#isNew ? [loginName, ...fields] : fields;
    return [...all.map((settings) => new Field(texts, settings)), new FeaturesField(texts, this.#offer, features)];
  }

  #typeText(licence) {
    const { texts } = this.#context;
    const name = this.#offer.nameOf(licence, texts);
    const left = this.#offer.left(licence);
    if (!left) return name;
    const key = left.kind === "base" ? "users.type_base_left" : "users.type_fixed_left";
    return texts.t(key, { type: name, count: left.left });
  }

  #field(name) {
    return this.#fields.find((field) => field.name === name);
  }

  /** What saving will do to somebody who is logged in, before it is saved. */
  #drawConsequences() {
    const { texts } = this.#context;
    const typed = this.#dialog.form.values;
    const ends = !this.#isNew && this.#before.status === "active" && (typed.status !== "active" || typed.user_type !== this.#before.user_type);
    const taken = this.#before.features.filter((feature) => !typed.features.includes(feature));
    const names = new Intl.ListFormat(texts.language, { type: "conjunction" }).format(taken.map((feature) => this.#offer.nameOf(feature, texts)));
    const sentences = [
      ends && texts.t("users.ends_sessions"),
      !ends && taken.length > 0 && texts.t("users.releases", { features: names }),
    ].filter(Boolean);
    this.#consequences.hidden = sentences.length === 0;
    setText(this.#consequences, texts.sentences(sentences));
  }

  async #send(typed) {
    const { api } = this.#context;
    try {
      if (this.#isNew) return (await api.send("POST", "users", typed)).data;
      const body = changed(this.#before, typed);
      const path = `users/${encodeURIComponent(this.#before.user)}`;
      return (await api.send("PATCH", path, body, { ifMatch: this.#etag })).data;
    } catch (error) {
      throw (await this.#told(error, typed)) ?? error;
    }
  }

  /** The refusals that need more than the broker's own words. */
  async #told(error, typed) {
    const { texts } = this.#context;
    const licence = this.#offer.nameOf(error.document?.licence ?? "", texts);
    switch (error.type) {
      case "base_exhausted":
        return new Told(texts.t("users.refused_base", { type: licence }), "status");
      case "fixed_exhausted":
        return this.#seatRefused(error, texts.t("users.refused_fixed", { licence }));
      case "exists":
        return new Told(texts.t("users.refused_exists"), "user");
      case "too_many_users":
        return new Told(texts.t("users.refused_too_many"));
      case "changed":
        return this.#reconcile(typed);
      case "not_found":
        return new Told(texts.t("users.refused_gone"));
      default:
        return null;
    }
  }

  #seatRefused(error, text) {
    if (error.field !== "features") return new Told(text, error.field);
    this.#field("features").expectComplaint(error.document.licence);
    return new Told(text, "features");
  }

  /** Takes in what somebody else changed, leaves what was typed, and says so. */
  async #reconcile(typed) {
    const { api, texts, organisation } = this.#context;
    const { data: now, etag } = await api.read(`users/${encodeURIComponent(this.#before.user)}`);
    const theirs = changesOf(
      this.#before, now, { texts, timeZone: organisation.time_zone, nameOf: (key) => this.#offer.nameOf(key, texts) },
    );
    const mended = merged(this.#before, typed, now);
    for (const field of this.#fields) field.value = mended[field.name];
    this.#before = now;
    this.#etag = etag;
    this.#drawConsequences();
    const changes = theirs.map(({ label, before, after }) => texts.t("users.change", { field: label, before, after }));
    return new Told(texts.sentences([texts.t("users.changed_meanwhile"), ...changes, texts.t("users.changed_save")]));
  }
}

