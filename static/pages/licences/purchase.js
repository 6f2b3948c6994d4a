/** The change of what was bought of one licence type: what it would do stands there before it is saved. */

import { ApiError } from "../../console/api.js";
import { Field } from "../../ui/form.js";
import { FormDialog } from "../../ui/dialog.js";
import { baseBound, effect, fixedBound, moves } from "./effect.js";
import { h, said, setText } from "../../ui/dom.js";

const LABELS = Object.freeze({
  base: "purchase.base", concurrent: "purchase.concurrent", contingency: "purchase.contingency", fixed: "purchase.fixed",
});
/** The most that can be bought of anything. */
const TOTAL_MAX = 1_000_000;
/** Whose pool would be another is told by name of so many. */
const NAMES_MAX = 50;
/** Of so many holders it is reckoned at all. */
const HOLDERS_MAX = 5_000;

/** A dialog for one change. */
export class Purchase {
  #context;
  #texts;
  #row;
  #etag;
  #read;
  #fields;
  #dialog;
  #preview;
  /** Who holds it, in the order of their ranks; null until it is known. */
  #holders = null;

  /**
   * @param {Object} settings
   * @param {Object} settings.context of the page
   * @param {string} settings.name of the licence type
   * @param {Object} settings.row as it is now
   * @param {string} settings.etag the version that the change is made for
   * @param {function(): Promise<{row: Object, etag: string}>} settings.read reads both anew
   */
  constructor({ context, name, row, etag, read }) {
    this.#context = context;
    this.#texts = context.texts;
    this.#row = row;
    this.#etag = etag;
    this.#read = read;
    this.#fields = fieldNames(row).map((field) => this.#field(field));
    this.#preview = h("div", { class: "effect", id: "effect", "aria-live": "polite" });
    this.#dialog = new FormDialog({
      texts: this.#texts, title: this.#texts.t("purchase.title", { licence: name }), submit: "purchase.save",
      fields: this.#fields, after: [this.#preview], send: (values) => this.#send(values),
    });
    for (const field of this.#fields) field.input.addEventListener("input", () => this.#draw());
  }

  /** @returns {Promise<boolean>} whether it was changed */
  async open() {
    const done = this.#dialog.open();
    this.#draw();
    this.#askHolders();
    return (await done) !== null;
  }

  #field(name) {
    const { min, hint } = { base: { min: baseBound(this.#row), hint: "purchase.base_hint" }, fixed: { min: fixedBound(this.#row), hint: "purchase.fixed_hint" } }[name] ?? { min: 0 };
    return new Field(this.#texts, {
      name, type: "number", label: LABELS[name], hint, value: this.#row[name].total,
      attributes: { required: true, min, max: TOTAL_MAX },
    });
  }

  /** The names are a help, not a condition: without them the numbers stand alone. */
  async #askHolders() {
    if (this.#row.model !== "concurrent") return;
    try {
      const { items } = await this.#context.api.all("holders", { licence: this.#row.licence }, { items_max: HOLDERS_MAX });
      this.#holders = items;
      this.#draw();
    } catch {
      this.#holders = null;
    }
  }

  get #totals() {
    return { base: 0, concurrent: 0, contingency: 0, fixed: 0, ...Object.fromEntries(this.#fields.map(({ name, value }) => [name, value])) };
  }

  async #send(values) {
    const { licence } = this.#row;
    const body = { base: 0, concurrent: 0, contingency: 0, fixed: 0, ...values };
    try {
      await this.#context.api.send("PUT", `licences/${licence}`, body, { ifMatch: this.#etag });
    } catch (error) {
      if (error.type !== "changed") throw error;
      await this.#takeChange();
    }
    return true;
  }

  /** Somebody else was quicker. What they did is told and shown; what was typed stays, and can be saved all the same. */
  async #takeChange() {
    const before = this.#row;
    const { row, etag } = await this.#read();
    this.#row = row;
    this.#etag = etag;
    this.#draw();
    const told = fieldNames(row).filter((name) => row[name].total !== before[name].total)
      .map((name) => this.#texts.t("purchase.changed_to", { field: this.#texts.t(LABELS[name]), before: before[name].total, after: row[name].total }));
    const words = this.#texts.sentences([this.#texts.t(told.length > 0 ? "purchase.conflict" : "purchase.conflict_elsewhere"), ...told, this.#texts.t("purchase.conflict_again")]);
    throw new ApiError(412, { type: "changed", words });
  }

  // ---- the effect ---------------------------------------------------------------------------------

  #draw() {
    const totals = this.#totals;
    const isWhole = Object.values(totals).every((total) => Number.isInteger(total) && total >= 0);
    if (!isWhole) return this.#preview.replaceChildren(said(this.#texts, "p", "purchase.incomplete"));
    const parts = this.#row.model === "concurrent" ? this.#concurrentEffect(totals) : [];
    this.#preview.replaceChildren(said(this.#texts, "h3", "purchase.effect"), ...parts, this.#sentences(totals));
  }

  #concurrentEffect(totals) {
    const { before, after } = effect(this.#row, totals);
    const texts = this.#texts;
    const line = (key, from, to) => h("tr", {}, said(texts, "th", key, { scope: "row" }),
      h("td", { dataset: { kind: "number" } }, texts.number(from)), h("td", { dataset: { kind: "number", changed: from !== to } }, texts.number(to)));
    const head = h("tr", {}, h("td"), said(texts, "th", "purchase.now", { scope: "col", dataset: { kind: "number" } }),
      said(texts, "th", "purchase.then", { scope: "col", dataset: { kind: "number" } }));
    return [h("table", { class: "effect-table" }, said(texts, "caption", "purchase.caption", { class: "unseen" }), h("thead", {}, head), h("tbody", {},
      line("purchase.concurrent_used", before.concurrent, after.concurrent),
      line("purchase.concurrent_available", this.#row.concurrent.available, totals.concurrent - after.concurrent),
      line("purchase.contingency_used", before.contingency, after.contingency),
      line("purchase.contingency_available", this.#row.contingency.available, totals.contingency - after.contingency),
      line("purchase.over", before.over, after.over)))];
  }

  #sentences(totals) {
    const list = h("ul", { class: "effect-list" });
    for (const [kind, text] of this.#consequences(totals)) list.append(h("li", { dataset: { kind } }, text));
    const changed = this.#holders ? moves(this.#holders, this.#totalsNow, totals) : [];
    if (changed.length > 0) list.append(h("li", {}, this.#names(changed)));
    if (list.childElementCount === 0) list.append(said(this.#texts, "li", "purchase.nothing"));
    return list;
  }

  get #totalsNow() {
    return { concurrent: this.#row.concurrent.total, contingency: this.#row.contingency.total };
  }

  /** In sentences, the gravest first. */
  #consequences(totals) {
    const texts = this.#texts;
    const told = [];
    const tell = (kind, key, count) => count > 0 && told.push([kind, texts.t(key, { count })]);
    if (this.#row.model === "concurrent") {
      const { before, after, served } = effect(this.#row, totals);
      tell("over", "purchase.would_be_over", after.over);
      tell("contingency", "purchase.would_overflow", after.contingency - before.contingency);
      tell("free", "purchase.would_return", after.concurrent - before.concurrent);
      tell("free", "purchase.would_be_served", served);
    }
    const lowest = { base: baseBound(this.#row), fixed: fixedBound(this.#row) };
    if (this.#row.model === "concurrent" && totals.base < lowest.base) tell("over", "purchase.base_refused", lowest.base);
    if (this.#row.model !== "concurrent" && totals.fixed < lowest.fixed) tell("over", "purchase.fixed_refused", lowest.fixed);
    const isRaised = fieldNames(this.#row).some((name) => name !== "contingency" && totals[name] > this.#row[name].total);
    if (isRaised) told.push(["bill", texts.t("purchase.billed")]);
    return told;
  }

  #names(changed) {
    const texts = this.#texts;
    const shown = changed.slice(0, NAMES_MAX).map(({ user, from, to }) =>
      h("li", {}, h("bdi", {}, user), texts.t("purchase.move", { from: texts.word("rank", from), to: texts.word("rank", to) })));
    const rest = changed.length - shown.length;
    if (rest > 0) shown.push(h("li", {}, texts.t("purchase.more", { count: rest })));
    const summary = h("summary");
    setText(summary, texts.t("purchase.who", { count: changed.length }));
    return h("details", { id: "effect-names" }, summary, h("ul", { class: "effect-names" }, shown));
  }
}

/** What can be bought of a type. */
function fieldNames({ model, class: kind, base }) {
  if (model !== "concurrent") return ["fixed"];
  return kind === "user_type" || base.total > 0 ? ["base", "concurrent", "contingency"] : ["concurrent", "contingency"];
}
