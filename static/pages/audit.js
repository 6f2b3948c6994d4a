/** Audit: who changed what, when, and from what to what. */

import { isAbort } from "../console/api.js";
import { h, said, setText } from "../ui/dom.js";
import { Field, explain } from "../ui/form.js";
import { RangeField } from "../ui/range.js";
import { Table } from "../ui/table.js";
import { Zone } from "../ui/zone.js";
import { changesOf } from "./parts/changes.js";
import { PagedTable } from "./parts/paged.js";

/** What is done to what, in the order of the choice. */
const ACTIONS = Object.freeze(Object.entries({
  organisation: ["created", "changed", "deleted"],
  licences: ["put"],
  price: ["put"],
  user: ["created", "changed", "deleted"],
  session: ["forced"],
  wallboard: ["created", "deleted"],
  wallboard_maximum: ["put"],
  account: ["created", "changed", "reset", "locked", "deleted"],
}).flatMap(([thing, verbs]) => verbs.map((verb) => `${thing}.${verb}`)));
/** Actions whose target is a licence type. */
const OF_LICENCES = /^(?:licences|price)\./;
const FILTERS = Object.freeze(["actor", "action", "target"]);

/** The page `#/audit`. */
export default class Audit {
  static titleKey = "audit.title";
  static roles = Object.freeze(["admin", "operator"]);

  #context;
  #zone;
  #range;
  #fields;
  #paged;
  #trouble;
  #signal = null;

  element;

  constructor(context) {
    this.#context = context;
    const { texts, api, announce, organisation } = context;
    this.#zone = new Zone(texts, organisation.time_zone);
    this.#range = new RangeField({ texts, zone: this.#zone });
    this.#range.addEventListener("choose", () => this.#submit());
    this.#fields = this.#newFields();
    this.#paged = new PagedTable({
      texts, api, announce, table: this.#newTable(), path: "audit",
      found: (count, hasMore) => texts.t(hasMore ? "audit.found_more" : "audit.found", { count }),
    });
    this.#trouble = h("p", { class: "notice", role: "alert", hidden: true });
    const id = "audit-title";
    this.element = h("section", { class: "page audit", "aria-labelledby": id },
      said(texts, "h1", Audit.titleKey, { id }), said(texts, "p", "audit.introduction", { class: "hint" }),
      this.#form(), this.#trouble, this.#paged.element);
  }

  start(signal) {
    this.#signal = signal;
    return this.update(this.#context.params);
  }

  /** @param {URLSearchParams} params another address of this page */
  update(params) {
    this.#range.read(params, "days7");
    for (const name of FILTERS) this.#fields[name].value = params.get(name) ?? "";
    return this.#paged.load({ ...this.#query, order: "newest" }, this.#signal);
  }

  translate() {
    this.#context.texts.apply(this.element);
    this.#range.translate();
    for (const field of Object.values(this.#fields)) field.translate();
    this.#paged.translate();
  }

  // ---- what is asked for --------------------------------------------------------------------------

  #newFields() {
    const { texts } = this.#context;
    const attributes = { autocomplete: "off", spellcheck: "false" };
    const all = { value: "", text: () => texts.t("audit.all") };
    const actions = ACTIONS.map((action) => ({ value: action, text: () => texts.word("action", action) }));
    return {
      action: new Field(texts, { name: "action", label: "audit.action", type: "select", options: [all, ...actions] }),
      actor: new Field(texts, { name: "actor", label: "audit.actor", hint: "audit.actor_hint", type: "search", attributes }),
      target: new Field(texts, { name: "target", label: "audit.target", hint: "audit.target_hint", type: "search", attributes }),
    };
  }

  #form() {
    const { texts } = this.#context;
    const show = said(texts, "button", "audit.show", { type: "submit", class: "primary", id: "audit-show" });
    const csv = said(texts, "button", "audit.csv", { type: "button", id: "audit-csv", onclick: () => this.#download() });
    this.#fields.action.input.addEventListener("change", () => this.#submit());
    return h("form", { class: "fields", novalidate: true, onsubmit: (event) => this.#submit(event) },
      this.#range.element,
      h("div", { class: "filters" }, Object.values(this.#fields).map((field) => field.element)),
      h("div", { class: "form-actions" }, show, csv));
  }

  #submit(event) {
    event?.preventDefault();
    if (!this.#range.check()) return;
    const filters = Object.fromEntries(FILTERS.map((name) => [name, this.#fields[name].value.trim()]));
    const params = { ...filters, ...this.#range.params };
    this.#context.navigate("audit", params, { replace: true });
    this.#paged.load({ ...this.#query, order: "newest" }, this.#signal);
  }

  get #query() {
    const { from_ms: from, to_ms: to } = this.#range.value;
    const filters = Object.fromEntries(FILTERS.map((name) => [name, this.#fields[name].value.trim()]));
    return { ...filters, from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  }

  async #download() {
    if (!this.#range.check()) return;
    this.#trouble.hidden = true;
    try {
      await this.#context.api.download("audit", { ...this.#query, format: "csv" }, "audit.csv");
    } catch (error) {
      if (isAbort(error)) return;
      this.#trouble.hidden = false;
      setText(this.#trouble, explain(this.#context.texts, error));
    }
  }

  // ---- what is answered ---------------------------------------------------------------------------

  #newTable() {
    const { texts, organisation } = this.#context;
    return new Table({
      texts,
      caption: () => texts.t("audit.caption", { zone: organisation.time_zone }),
      empty: "audit.none",
      timeZone: organisation.time_zone,
      rowKey: (record) => JSON.stringify(record),
      columns: [
        { key: "at", label: "audit.at", kind: "time", value: ({ at }) => at },
        {
          key: "actor", label: "audit.actor", value: ({ actor }) => actor,
          cell: ({ actor, role }) => h(
            "span", {}, h("bdi", {}, actor), " ", h("span", { class: "hint" }, texts.word("role", role)),
          ),
        },
        { key: "action", label: "audit.action", value: ({ action }) => texts.word("action", action) },
        {
          key: "target", label: "audit.target", value: (record) => this.#target(record),
          cell: (record) => h("bdi", {}, this.#target(record)),
        },
        { key: "changes", label: "audit.changes", value: () => "", cell: (record) => this.#changes(record) },
      ],
    });
  }

  #target({ action, target }) {
    return OF_LICENCES.test(action) ? this.#context.texts.word("licence", target) : target;
  }

  /** Old and new side by side; of what was made or taken away, what it was. */
  #changes({ before, after }) {
    const { texts, organisation } = this.#context;
    const changes = changesOf(before, after, { texts, timeZone: organisation.time_zone, isShort: true });
    if (changes.length === 0) return "–";
    return h("ul", { class: "changes" }, changes.map((change) => h("li", { dataset: { field: change.field } },
      h("span", { class: "changes-label" }, texts.t("audit.label", { field: change.label })), " ",
      change.before !== null && h("del", {}, change.before),
      change.before !== null && change.after !== null && [
        " ", h("span", { class: "changes-arrow", "aria-hidden": "true" }, "→"),
        h("span", { class: "unseen" }, texts.t("audit.became")), " ",
      ],
      change.after !== null && h("ins", {}, change.after))));
  }
}
