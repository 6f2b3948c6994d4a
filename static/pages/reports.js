/** Custom reports: chosen field by field, shown as a table, saved as CSV; the address is the report. */

import { isAbort } from "../console/api.js";
import { h, said, setText } from "../ui/dom.js";
import { explain } from "../ui/form.js";
import { Table } from "../ui/table.js";
import { Zone } from "../ui/zone.js";
import { ReportForm } from "./reports_form.js";
import { columnOf } from "./reports_words.js";

/** More rows than these are for the file. */
const ROWS_SHOWN_MAX = 500;

export default class ReportsPage {
  static titleKey = "reports.title";
  static roles = Object.freeze(["supervisor", "admin", "operator"]);

  #context;
  #zone;
  #params;
  #signal = null;
  #making = new AbortController();
  #form = null;
  #table = null;
  #error = null;
  /** {count, limit} of the report that is shown, or null. */
  #made = null;
  #parts;

  element;

  /** @param {Object} context of the console */
  constructor(context) {
    this.#context = context;
    this.#params = context.params;
    this.#zone = new Zone(context.texts, context.organisation.time_zone);
    const { texts } = context;
    this.#parts = {
      form: h("div", {}),
      problem: h("p", { class: "notice", role: "alert", hidden: true }),
      busy: said(texts, "p", "data.loading", { class: "hint", hidden: true }),
      note: h("p", { class: "hint", role: "status" }),
      result: h("div", { id: "reports-result", "aria-busy": "false" }),
    };
    const { form, problem, busy, note, result } = this.#parts;
    this.element = h("section", { class: "page", "aria-labelledby": "reports-title" },
      said(texts, "h1", "reports.title", { id: "reports-title" }), said(texts, "p", "reports.about", { class: "hint" }), form, problem, busy, note, result);
  }

  /** @param {AbortSignal} signal */
  async start(signal) {
    this.#signal = signal;
    const { texts, api } = this.#context;
    signal.addEventListener("abort", () => this.#making.abort());
    const [{ items: sources }, { items: rows }] = await Promise.all([
      api.get("reports/fields", {}, { signal }),
      api.get("licences", { class: "user_type,feature,product" }, { signal }),
    ]);
    const licences = rows.map((row) => row.licence);
    const file = said(texts, "button", "data.csv", { type: "button", id: "reports-csv", onclick: () => this.#save() });
    this.#form = new ReportForm({ texts, zone: this.#zone, sources, licences, beside: [file] });
    this.#form.addEventListener("send", () => this.#go(this.#form.params));
    this.#form.addEventListener("example", (event) => this.#go(new URLSearchParams(event.detail)));
    this.#parts.form.replaceChildren(this.#form.element);
    return this.update(this.#params);
  }

  /** @param {URLSearchParams} params another address of this page */
  update(params) {
    this.#params = params;
    if (!this.#form) return undefined; // `start` reads them when it has come so far
    // What the form says already is left alone, with the focus in it.
    if (params.toString() !== this.#form.params.toString()) this.#form.read(params);
    if (params.get("show")) return this.#make();
    this.#parts.result.replaceChildren();
    this.#table = null;
    this.#made = null;
    this.#drawTexts();
    return undefined;
  }

  /** After a change of language. */
  translate() {
    this.#context.texts.apply(this.element);
    this.#form?.translate();
    this.#table?.translate();
    this.#drawTexts();
  }

  #drawTexts() {
    const { texts } = this.#context;
    const { problem, note } = this.#parts;
    problem.hidden = !this.#error;
    setText(problem, this.#error ? explain(texts, this.#error) : "");
    if (!this.#made) return setText(note, "");
    const { count, limit } = this.#made;
    const notes = [texts.t("reports.made", { count }), texts.t("range.zone", { zone: this.#zone.name })];
    if (count >= limit) notes.push(texts.t("reports.limited", { limit }));
    if (count > ROWS_SHOWN_MAX) notes.push(texts.t("reports.cut", { count: ROWS_SHOWN_MAX }));
    setText(note, texts.sentences(notes));
  }

  /** The address says it, and so it is made; the same again is made again. */
  #go(params) {
    const before = location.hash;
    this.#context.navigate("reports", params);
    if (location.hash === before) this.#make();
  }

  async #make() {
    if (!this.#form.check()) return;
    this.#making.abort();
    this.#making = new AbortController();
    const signal = AbortSignal.any([this.#signal, this.#making.signal]);
    this.#setBusy(true);
    await this.#guarded(async () => {
      const { request, source } = this.#form;
      const { data } = await this.#context.api.send("POST", "reports", request, { signal });
      this.#show(source, data, request.limit);
    });
    if (!signal.aborted) this.#setBusy(false);
  }

  #show(source, { columns, items }, limit) {
    const { texts } = this.#context;
    this.#made = { count: items.length, limit };
    this.#table = new Table({
      texts,
      caption: () => texts.t("reports.caption", { source: texts.word("dataset", source.source) }),
      columns: columns.map((name, index) => columnOf(texts, this.#zone, source, name, index)),
      rows: items.slice(0, ROWS_SHOWN_MAX).map((cells, index) => ({ cells, index })),
      empty: "reports.none",
      rowKey: (row) => row.index,
    });
    this.#parts.result.replaceChildren(this.#table.element);
  }

  async #save() {
    const { api, organisation } = this.#context;
    if (!this.#form.check()) return;
    await this.#guarded(() => api.download("reports", {}, `report-${organisation.id}.csv`, { method: "POST", body: this.#form.request }));
  }

  async #guarded(work) {
    this.#error = null;
    try {
      await work();
    } catch (error) {
      if (isAbort(error)) return;
      if (!this.#form.complain(error)) this.#error = error;
    }
    this.#drawTexts();
  }

  #setBusy(isBusy) {
    this.#parts.result.ariaBusy = String(isBusy);
    this.#parts.busy.hidden = !isBusy;
  }
}
