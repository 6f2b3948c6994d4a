/** Many users at once, from a file: chosen or dropped, looked at, sent; and what became of each line. */

import { isAbort } from "../../console/api.js";
import { ask } from "../../ui/dialog.js";
import { h, newId, said, setText } from "../../ui/dom.js";
import { explain } from "../../ui/form.js";
import { Table } from "../../ui/table.js";
import { save } from "../parts/save.js";
import { Offer } from "./catalogue.js";
import { BYTES_MAX, judge, leftOver, problemOf, readFile } from "./import_file.js";

const ROWS_SHOWN_MAX = 10;
const PROBLEMS_SHOWN_MAX = 100;
const STATUSES = Object.freeze(["pre_active", "active", "suspended", "deleted"]);
const EXAMPLE = [
  "user,name,status,user_type,features",
  "edred,Edred Ashdown,active,inbound_agent,agent_calls;agent_email",
  "lobby,Lobby telephone,active,meeting_room,user_voicemail",
  "",
].join("\r\n");

/** The view `#/users?view=import`. */
export default class Import {
  #context;
  #offer = new Offer([]);
  /** What was chosen: {name, size, file}; null before that. */
  #chosen = null;
  #problems = [];
  /** What the broker said: {accepted, rejected, rejected_count, isNothingDone}; null before that. */
  #answer = null;
  /** Says why a file was not even read, or why it was not taken; null for nothing. */
  #trouble = null;
  #isBusy = false;
  #signal = null;
  #parts = {};
  #tables = {};

  element;

  constructor(context) {
    this.#context = context;
    const { texts } = context;
    this.#tables = {
      rows: this.#rowsTable(), problems: this.#faultsTable("import.problems"),
      rejected: this.#faultsTable("import.rejected"),
    };
    this.element = h("div", { class: "view import" },
      said(texts, "p", "import.introduction", { class: "hint" }),
      this.#format(), this.#choice(), this.#preview(), this.#report());
  }

  async start(signal) {
    this.#signal = signal;
    this.#draw();
    this.#offer = await Offer.of(this.#context.api, signal);
    this.#judge();
    this.#draw();
  }

  translate() {
    this.#context.texts.apply(this.element);
    for (const table of Object.values(this.#tables)) table.translate();
    this.#draw();
  }

  // ---- what stands there --------------------------------------------------------------------------

  #format() {
    const { texts } = this.#context;
    const columns = ["user", "name", "status", "user_type", "features"];
    return h("details", { class: "panel" },
      said(texts, "summary", "import.format"),
      said(texts, "p", "import.format_csv"),
      h(
        "dl", { class: "facts" },
        columns.map((column) => h("div", {}, h("dt", { class: "code" }, column), said(texts, "dd", `given.${column}`))),
      ),
      h("pre", { class: "code", tabindex: "0" }, EXAMPLE),
      said(texts, "p", "import.format_json"),
      said(texts, "button", "import.example", { type: "button", onclick: () => save(EXAMPLE, "text/csv", "example.csv") }));
  }

  #choice() {
    const { texts } = this.#context;
    const id = newId("import-file");
    const trouble = h("p", { class: "notice", role: "alert", id: `${id}-error`, hidden: true });
    const input = h(
      "input",
      {
        type: "file", id, class: "import-input", accept: ".csv,.txt,.json,.jsonl,.ndjson,text/csv",
        "aria-describedby": `${id}-hint ${id}-error`,
      },
    );
    input.addEventListener("change", () => this.#take(input.files[0]));
    const zone = h("div", { class: "dropzone" },
      said(texts, "label", "import.choose", { for: id }), input,
      said(texts, "p", "import.drop", { class: "hint", id: `${id}-hint` }));
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.dataset.over = "true";
    });
    zone.addEventListener("dragleave", () => delete zone.dataset.over);
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      delete zone.dataset.over;
      this.#take(event.dataTransfer.files[0]);
    });
    Object.assign(this.#parts, { trouble, input });
    return h("div", {}, trouble, zone);
  }

  #preview() {
    const { texts } = this.#context;
    const title = newId("import-preview");
    const summary = h("p", { class: "import-summary", role: "status" });
    const notes = h("ul", { class: "notes" });
    const problems = h(
      "div", { class: "part" }, said(texts, "h3", "import.problems"), h("p", { class: "hint" }),
      this.#tables.problems.element,
    );
    const radio = (value, key, hint) => h("label", { class: "check" }, h(
      "input", { type: "radio", name: "atomic", value, checked: value === "true" },
    ),
      h("span", {}, said(texts, "span", key), " ", said(texts, "span", hint, { class: "hint" })));
    const mode = h("fieldset", { class: "field" }, said(texts, "legend", "import.mode"),
      h(
        "div", {}, radio("true", "import.all_or_nothing", "import.all_or_nothing_hint"),
        radio("false", "import.good_rows", "import.good_rows_hint"),
      ));
    mode.addEventListener("change", () => this.#draw());
    const button = h("button", { type: "button", class: "primary", id: "import-submit", onclick: () => this.#import() });
    const preview = h("section", { class: "panel part", "aria-labelledby": title, hidden: true },
      said(texts, "h2", "import.preview", { id: title }), summary, notes, problems, this.#tables.rows.element, mode, h("div", { class: "form-actions" }, button));
    Object.assign(this.#parts, { preview, summary, notes, problems, mode, button });
    return preview;
  }

  #report() {
    const { texts } = this.#context;
    const title = newId("import-report");
    const summary = h("p", { role: "status", id: "import-report" });
    const saveButton = said(
      texts, "button", "import.save_rejected",
      { type: "button", id: "import-save-rejected", onclick: () => this.#saveRejected() },
    );
    const more = h("p", { class: "hint" });
    const rejected = h("div", { class: "part" }, said(texts, "h3", "import.rejected"), more, this.#tables.rejected.element, saveButton,
      said(texts, "p", "import.save_rejected_hint", { class: "hint" }));
    const heading = said(texts, "h2", "import.report", { id: title, tabindex: "-1" });
    const report = h("section", { class: "panel part", "aria-labelledby": title, hidden: true }, heading, summary, rejected);
    Object.assign(this.#parts, { report, reportHeading: heading, reportSummary: summary, rejected, rejectedMore: more });
    return report;
  }

  #rowsTable() {
    const { texts } = this.#context;
    const name = (key) => (key ? this.#offer.nameOf(String(key).trim(), texts) : "");
    const list = (features) => (Array.isArray(features) ? features.map((feature) => name(feature)).join(texts.t("changes.between")) : "");
    return new Table({
      texts,
      caption: () => texts.t("import.first_rows", { count: Math.min(ROWS_SHOWN_MAX, this.#rows.length) }),
      empty: "import.no_rows",
      rowKey: ({ line }) => line,
      columns: [
        { key: "line", label: "import.line", kind: "number", value: ({ line }) => line },
        { key: "user", label: "users.user", kind: "code", value: ({ fields }) => fields?.user, isHeader: true },
        { key: "name", label: "users.name", value: ({ fields }) => fields?.name },
        { key: "status", label: "users.status", value: ({ fields }) => fields?.status && texts.word("standing", fields.status) },
        { key: "user_type", label: "users.user_type", value: ({ fields }) => name(fields?.user_type) },
        { key: "features", label: "users.features", value: ({ fields }) => list(fields?.features) },
      ],
    });
  }

  /** Lines with what is wrong with each: as found here, and as the broker told. */
  #faultsTable(caption) {
    const { texts } = this.#context;
    return new Table({
      texts,
      caption,
      isCaptionHidden: true,
      empty: "import.no_problems",
      rowKey: ({ line, field, index }) => `${line} ${field} ${index}`,
      columns: [
        { key: "line", label: "import.line", value: ({ line }) => texts.t("import.line_of", { line }) },
        { key: "field", label: "import.field", value: ({ field }) => (field ? texts.word("changed", field) : "") },
        { key: "problem", label: "import.problem", value: (row) => this.#faultText(row) },
        { key: "text", label: "import.text", kind: "code", value: ({ line }) => this.#rows.find((row) => row.line === line)?.text },
      ],
    });
  }

  #faultText({ problem, value, error }) {
    const { texts } = this.#context;
    if (!problem) return error;
    const isLicence = problem === "fixed" || problem === "base";
    return texts.t(`fault.${problem}`, { value: isLicence ? this.#offer.nameOf(value, texts) : String(value) });
  }

  // ---- the file -----------------------------------------------------------------------------------

  get #rows() {
    return this.#chosen?.file.rows ?? [];
  }

  async #take(file) {
    if (!file) return;
    this.#answer = null;
    this.#chosen = null;
    this.#trouble = null;
    if (file.size > BYTES_MAX) this.#trouble = () => this.#context.texts.t("import.too_large", { size: BYTES_MAX / 1024 / 1024 });
    else await this.#read(file);
    this.#judge();
    this.#draw();
    // Chosen again after it was mended, the same file is news.
    this.#parts.input.value = "";
  }

  async #read(file) {
    try {
      const bytes = await file.arrayBuffer();
      this.#chosen = { name: file.name, size: file.size, file: readFile(bytes, file.name, this.#context.texts.language) };
    } catch {
      this.#trouble = () => this.#context.texts.t("import.unreadable");
    }
  }

  #judge() {
    if (!this.#chosen || this.#offer.types.length === 0) return void (this.#problems = []);
    const features = this.#offer.groups.flatMap(({ rows }) => rows.map(({ licence }) => licence));
    const known = {
      types: new Set(this.#offer.types.map(({ licence }) => licence)), features: new Set(features),
      statuses: new Set(STATUSES),
    };
    this.#problems = judge(this.#chosen.file, known);
  }

  // ---- drawing ------------------------------------------------------------------------------------

  #draw() {
    const { trouble, preview, report } = this.#parts;
    trouble.hidden = this.#trouble === null;
    setText(trouble, this.#trouble?.() ?? "");
    preview.hidden = this.#chosen === null;
    report.hidden = this.#answer === null;
    if (this.#chosen) this.#drawPreview();
    if (this.#answer) this.#drawReport();
  }

  #drawPreview() {
    const { texts } = this.#context;
    const { summary, notes, problems, mode, button } = this.#parts;
    const { name, size, file } = this.#chosen;
    const kibibytes = Math.max(1, Math.round(size / 1024));
    setText(
      summary,
      texts.t("import.summary", { name, size: kibibytes, format: file.format === "csv" ? "CSV" : "JSON", count: file.rows.length }),
    );
    notes.replaceChildren(...this.#notes(file).map((note) => h("li", {}, note)));
    problems.hidden = this.#problems.length === 0;
    const count = this.#problems.length;
    setText(
      problems.querySelector(".hint"),
      texts.t("import.problems_found", { count, shown: Math.min(count, PROBLEMS_SHOWN_MAX) }),
    );
    this.#tables.problems.setRows(this.#problems.slice(0, PROBLEMS_SHOWN_MAX).map((problem, index) => ({ ...problem, index })));
    this.#tables.rows.setRows(file.rows.slice(0, ROWS_SHOWN_MAX));
    this.#tables.rows.translate(); // its caption counts them
    const isUsable = file.rows.length > 0 && file.missing.length === 0;
    mode.hidden = !isUsable;
    button.hidden = !isUsable;
    button.setAttribute("aria-disabled", String(this.#isBusy));
    setText(
      button,
      this.#isBusy ? texts.t("import.busy") : texts.t(
        "import.submit",
        { count: this.#isAtomic ? file.rows.length : file.rows.length - count, total: file.rows.length },
      ),
    );
  }

  #notes(file) {
    const { texts } = this.#context;
    const deletions = file.rows.filter(({ fields }) => fields?.status === "deleted").length;
    const list = (words) => words.join(texts.t("changes.between"));
    return [
      file.encoding !== "utf-8" && texts.t("import.encoding", { encoding: file.encoding }),
      file.missing.length > 0 && texts.t("import.missing", { columns: list(file.missing) }),
      file.columns.length > 0 && texts.t("import.columns", { columns: list(file.columns) }),
      file.ignored.length > 0 && texts.t("import.ignored", { columns: list(file.ignored) }),
      deletions > 0 && texts.t("import.deletions", { count: deletions }),
    ].filter(Boolean);
  }

  #drawReport() {
    const { texts } = this.#context;
    const { reportSummary, rejected, rejectedMore } = this.#parts;
    const { accepted, rejected: rows, rejected_count: count, isNothingDone } = this.#answer;
    setText(reportSummary, isNothingDone
      ? texts.t("import.nothing_done", { rejected: count })
      : texts.t(count > 0 ? "import.done_partly" : "import.done", { accepted, rejected: count }));
    rejected.hidden = count === 0;
    setText(rejectedMore, count > rows.length ? texts.t("import.rejected_more", { shown: rows.length, count }) : "");
    this.#tables.rejected.setRows(rows.map((row, index) => ({ ...row, ...this.#told(row), index })));
  }

  /** The broker's words in ours; a value that they leave out stands in the file. */
  #told({ line, field, error }) {
    const told = problemOf(error);
    return { ...told, value: told.value || (this.#rows.find((row) => row.line === line)?.fields?.[field] ?? "") };
  }

  // ---- sending ------------------------------------------------------------------------------------

  get #isAtomic() {
    return this.#parts.mode.querySelector(":checked").value === "true";
  }

  async #import() {
    if (this.#isBusy || !(await this.#isMeant())) return;
    this.#isBusy = true;
    this.#trouble = null;
    this.#answer = null;
    this.#draw();
    try {
      this.#answer = await this.#send();
    } catch (error) {
      if (isAbort(error)) return;
      this.#trouble = () => explain(this.#context.texts, error);
    }
    this.#isBusy = false;
    this.#draw();
    if (this.#answer) this.#parts.reportHeading.focus();
  }

  async #isMeant() {
    const { texts } = this.#context;
    const count = this.#rows.filter(({ fields }) => fields?.status === "deleted").length;
    if (count === 0) return true;
    return ask({
      texts, title: texts.t("import.delete_title", { count }), text: texts.t("import.delete_text"),
      confirm: texts.t("import.delete_confirm"), danger: true,
    });
  }

  async #send() {
    const { text, format } = this.#chosen.file;
    const contentType = format === "csv" ? "text/csv" : "application/x-ndjson";
    try {
      const { data } = await this.#context.api.send(
        "POST", "users/import", text, { contentType, query: { atomic: this.#isAtomic }, signal: this.#signal },
      );
      return { ...data, rejected_count: data.rejected_count ?? data.rejected.length, isNothingDone: false };
    } catch (error) {
      if (error.type !== "import_rejected") throw error;
      return { ...error.document, isNothingDone: true };
    }
  }

  #saveRejected() {
    const { file, name } = this.#chosen;
    const isCsv = file.format === "csv";
    const saved = name.replace(/(\.\w+)?$/, isCsv ? "-rejected.csv" : "-rejected.ndjson");
    save(leftOver(file, this.#answer.rejected), isCsv ? "text/csv" : "application/x-ndjson", saved);
  }
}
