/** Wallboards: which are configured, of which kind, whether they are connected; a new one, and its link for a screen. */

import { Field, explain } from "../ui/form.js";
import { FormDialog, ask } from "../ui/dialog.js";
import { Table } from "../ui/table.js";
import { h, said, setText } from "../ui/dom.js";
import { href } from "../console/router.js";
import { isAbort } from "../console/api.js";
import { offerLink } from "./wallboards/link.js";

/** How soon one sees here that a screen was switched on. */
const LOOK_EVERY_MS = 10_000;

export default class Wallboards {
  static titleKey = "wallboards.title";
  static roles = ["admin", "operator"];

  #context;
  #texts;
  #api;
  #table;
  #counts = h("p", { id: "wallboards-counts" });
  /** What went wrong last, until something goes right. */
  #problem = h("p", { class: "notice", role: "alert", id: "wallboards-problem", hidden: true });
  #error = null;
  #devices = null;
  #signal = null;
  #timer = null;

  /** Its root. */
  element;

  /** @param {Object} context see `console/app.js` */
  constructor(context) {
    const { texts, api } = context;
    this.#context = context;
    this.#texts = texts;
    this.#api = api;
    this.#table = new Table({
      texts, caption: "wallboards.title", isCaptionHidden: true, empty: "wallboards.empty", rowKey: ({ id }) => id, columns: this.#columns(),
    });
    const add = said(texts, "button", "wallboards.add", { type: "button", class: "primary", id: "wallboard-add", onclick: () => this.#try(() => this.#add()) });
    this.element = h("section", { class: "page", "aria-labelledby": "wallboards-title" },
      h("div", { class: "page-head" }, said(texts, "h1", "wallboards.title", { id: "wallboards-title" }), add),
      said(texts, "p", "wallboards.text", { class: "hint" }), this.#problem, this.#counts, this.#table.element);
  }

  /** @param {AbortSignal} signal */
  async start(signal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#context.timers.clearTimeout(this.#timer));
    await this.#read();
    this.#lookLater();
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    this.#table.translate();
    this.#drawCounts();
    this.#drawProblem();
  }

  // ---- what is shown ------------------------------------------------------------------------------

  #columns() {
    const { texts } = this.#context;
    return [
      { key: "name", label: "wallboards.name", value: ({ name }) => name, sortable: true },
      { key: "id", label: "wallboards.id", kind: "code", value: ({ id }) => id, sortable: true },
      { key: "kind", label: "wallboards.kind", value: ({ kind }) => texts.word("board", kind), sortable: true },
      { key: "user", label: "wallboards.user", value: ({ user }) => user ?? "", sortable: true },
      { key: "connected", label: "wallboards.connected", value: ({ connected }) => Number(connected), cell: (row, node) => this.#connected(row, node) },
      { key: "actions", label: "wallboards.actions", cell: (row, node) => this.#buttons(row, node) },
    ];
  }

  #connected({ connected }, node) {
    const cell = node ?? h("span", { class: "live" });
    cell.dataset.state = connected ? "live" : "idle";
    setText(cell, this.#texts.t(connected ? "wallboards.is_connected" : "wallboards.is_not_connected"));
    return cell;
  }

  #buttons({ id, name }, node) {
    const cell = node ?? h("div", { class: "row-actions" },
      said(this.#texts, "button", "wallboards.open", { type: "button", class: "small", dataset: { act: "open" }, onclick: () => this.#try(() => this.#open(id)) }),
      said(this.#texts, "button", "wallboards.delete", { type: "button", class: "small danger", dataset: { act: "delete" }, onclick: () => this.#try(() => this.#delete(id)) }));
    const [open, remove] = cell.children;
    open.setAttribute("aria-label", this.#texts.t("wallboards.open_of", { name: name || id }));
    remove.setAttribute("aria-label", this.#texts.t("wallboards.delete_of", { name: name || id }));
    return cell;
  }

  #drawCounts() {
    if (!this.#devices) return;
    const { used, maximum, analytics, live_analytics } = this.#devices;
    const link = h("a", { href: href("metrics") }, this.#texts.t("wallboards.change_maximum"));
    this.#counts.replaceChildren(this.#texts.t("wallboards.counts", { used, maximum, analytics, live: live_analytics }), " ", link);
  }

  #drawProblem() {
    this.#problem.hidden = this.#error === null;
    setText(this.#problem, this.#error ? explain(this.#texts, this.#error) : "");
  }

  // ---- reading ------------------------------------------------------------------------------------

  async #read() {
    const options = { signal: this.#signal };
    const [{ items }, { devices }] = await Promise.all([
      this.#api.all("wallboards", {}, options),
      this.#api.get("licence-metrics", {}, options),
    ]);
    this.#devices = devices.wallboard;
    this.#table.setRows(items);
    this.#drawCounts();
  }

  #lookLater() {
    if (this.#signal.aborted) return;
    this.#timer = this.#context.timers.setTimeout(() => this.#look(), LOOK_EVERY_MS);
  }

  async #look() {
    try {
      await this.#read();
    } catch (error) {
      if (isAbort(error)) return;
      // What is shown stays; the next look may succeed.
    }
    this.#lookLater();
  }

  // ---- what is changed ----------------------------------------------------------------------------

  async #try(work) {
    this.#error = null;
    try {
      await work();
    } catch (error) {
      if (!isAbort(error)) this.#error = error;
    }
    this.#drawProblem();
  }

  async #add() {
    const texts = this.#texts;
    const field = (settings) => new Field(texts, settings);
    const dialog = new FormDialog({
      texts,
      title: texts.t("wallboards.add"),
      fields: [
        field({ name: "id", label: "wallboards.id", hint: "wallboards.id_hint", attributes: { required: true, maxlength: 128 } }),
        field({ name: "name", label: "wallboards.name", attributes: { maxlength: 256 } }),
        field({ name: "user", label: "wallboards.user", hint: "wallboards.user_hint", attributes: { autocomplete: "off" } }),
      ],
      submit: "wallboards.add_it",
      send: (values) => this.#create(values),
    });
    const created = await dialog.open();
    if (!created) return;
    this.#context.announce(texts.t("wallboards.added", { name: created.name || created.id }));
    await this.#read();
  }

  async #create({ id, name, user }) {
    try {
      const { data } = await this.#api.send("POST", "wallboards", { id, name: name || id, user: user || null });
      return data;
    } catch (error) {
      if (error.type !== "wallboards_exhausted") throw error;
      const { maximum } = error.document;
      throw Object.assign(error, { words: this.#texts.t("wallboards.exhausted", { maximum }) });
    }
  }

  #rowOf(id) {
    return this.#table.rows.find((row) => row.id === id);
  }

  #open(id) {
    return offerLink(this.#context, this.#rowOf(id));
  }

  async #delete(id) {
    const texts = this.#texts;
    const name = this.#rowOf(id).name || id;
    const isMeant = await ask({
      texts,
      title: texts.t("wallboards.delete_of", { name }),
      text: texts.t("wallboards.delete_text"),
      confirm: texts.t("wallboards.delete"),
      danger: true,
    });
    if (!isMeant) return;
    await this.#api.send("DELETE", `wallboards/${encodeURIComponent(id)}`);
    this.#context.announce(texts.t("wallboards.deleted", { name }));
    await this.#read();
  }
}
