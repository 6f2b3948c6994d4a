/** Licence Usage: the per-user log, oldest first, with filters; each session opens to its story. */

import { isAbort } from "../console/api.js";
import { h, said, setText } from "../ui/dom.js";
import { Field, explain } from "../ui/form.js";
import { RangeField } from "../ui/range.js";
import { Table } from "../ui/table.js";
import { UserField } from "../ui/user_field.js";
import { Zone } from "../ui/zone.js";
import { rangeOf } from "./figures_data.js";
import { Story } from "./usage_story.js";

const ROWS = 100;

const USAGE_TYPES = ["Acquired", "Released"];
const LOGON_SOURCES = ["Agent Desktop", "Paired Device", "Switchboard", "Agent Desktop Connection Lost", "Scheduled Log Off"];
const REASONS = [
  "logout", "connection_lost", "heartbeat_timeout", "superseded", "forced", "token_expired", "user_removed", "user_changed",
  "unassigned", "requested", "organisation_removed", "scheduled", "broker_restart",
];
const FILTERS = ["user", "licence", "usage_type", "logon_source", "reason"];

export default class UsagePage {
  static titleKey = "usage.title";
  static roles = Object.freeze(["supervisor", "admin", "operator"]);

  #context;
  #zone;
  #params;
  #signal = null;
  #loading = new AbortController();
  #error = null;
  /** Where the pages began that were seen, and where the next one does; null stands for the first, and for no next. */
  #cursors = [null];
  #next = null;
  #licences = [];
  /** The filters that are shown, as an address says them. */
  #asked = null;
  #story = null;
  #parts;

  element;

  /** @param {Object} context of the console */
  constructor(context) {
    this.#context = context;
    this.#params = context.params;
    this.#zone = new Zone(context.texts, context.organisation.time_zone);
    this.#parts = this.#frame();
    this.element = this.#parts.page;
    this.#parts.range.addEventListener("choose", () => this.#submit());
  }

  /** @param {AbortSignal} signal */
  async start(signal) {
    this.#signal = signal;
    this.#parts.fields.user.start(signal);
    signal.addEventListener("abort", () => {
      this.#loading.abort();
      this.#story?.close();
    });
    await this.#guarded(() => this.#readLicences());
    return this.update(this.#params);
  }

  /** @param {URLSearchParams} params another address of this page */
  update(params) {
    this.#params = params;
    const { range, fields } = this.#parts;
    range.read(params, "today");
    for (const name of FILTERS) fields[name].value = params.get(name) ?? "";
    this.#openStory(params.get("session"));
    const asked = this.#address(params);
    if (asked === this.#asked) return undefined;
    this.#asked = asked;
    this.#cursors = [null];
    return this.#load();
  }

  /** After a change of language. */
  translate() {
    const { page, range, table, fields } = this.#parts;
    this.#context.texts.apply(page);
    for (const part of [range, table, ...Object.values(fields)]) part.translate();
    this.#story?.translate();
    this.#drawTexts();
  }

  // ---- its parts ----------------------------------------------------------------------------------

  #frame() {
    const { texts } = this.#context;
    const parts = {
      fields: this.#fields(),
      range: new RangeField({ texts, zone: this.#zone }),
      table: this.#table(),
      problem: h("p", { class: "notice", role: "alert", hidden: true }),
      busy: said(texts, "p", "data.loading", { class: "hint", hidden: true }),
      part: h("span", { class: "hint", id: "usage-part", role: "status" }),
    };
    parts.first = said(texts, "button", "usage.first", { type: "button", class: "small", id: "usage-first", onclick: () => this.#turn("first") });
    parts.before = said(texts, "button", "data.previous", { type: "button", class: "small", id: "usage-previous", onclick: () => this.#turn("before") });
    parts.next = said(texts, "button", "data.next", { type: "button", class: "small", id: "usage-next", onclick: () => this.#turn("next") });
    parts.results = h("div", { class: "page", "aria-busy": "false" }, parts.table.element, h("p", { class: "pager" }, parts.first, parts.before, parts.next, parts.part));
    parts.page = h("section", { class: "page", "aria-labelledby": "usage-title" },
      said(texts, "h1", "usage.title", { id: "usage-title" }), said(texts, "p", "usage.about", { class: "hint" }),
      this.#form(parts), parts.problem, parts.busy, parts.results);
    return parts;
  }

  #fields() {
    const { texts, api, role } = this.#context;
    const any = { value: "", text: () => texts.t("usage.any") };
    const list = (name, label, options) => new Field(texts, { name, label, type: "select", options: [any, ...options] });
    const words = (family, values) => values.map((value) => ({ value, text: () => texts.word(family, value) }));
    this.#licences = [any];
    return {
      user: new UserField({ texts, api, role }),
      licence: new Field(texts, { name: "licence", label: "usage.licence", type: "select", options: this.#licences }),
      usage_type: list("usage_type", "usage.usage_type", words("logged", USAGE_TYPES)),
      logon_source: list("logon_source", "usage.logon_source", words("logon", LOGON_SOURCES)),
      reason: list("reason", "usage.reason", words("ended", REASONS)),
    };
  }

  #form({ fields, range }) {
    const { texts } = this.#context;
    const send = (event) => {
      event.preventDefault();
      this.#submit();
    };
    return h("form", { class: "panel filters", novalidate: true, onsubmit: send }, Object.values(fields).map((field) => field.element), range.element,
      h("div", { class: "form-actions" }, said(texts, "button", "data.show", { type: "submit", class: "primary" }),
        said(texts, "button", "data.csv", { type: "button", id: "usage-csv", onclick: () => this.#save() })));
  }

  #table() {
    const { texts, organisation } = this.#context;
    const word = (family, key) => (row) => (row[key] === null ? null : texts.word(family, row[key]));
    const columns = [
      { key: "logged_at", label: "usage.logged_at", kind: "time", value: (row) => row.logged_at, isHeader: true },
      { key: "usage_type", label: "usage.usage_type", value: word("logged", "usage_type") },
      { key: "licence", label: "usage.licence", value: word("licence", "licence") },
      { key: "user", label: "usage.user", value: (row) => row.user },
      { key: "logon_source", label: "usage.logon_source", value: word("logon", "logon_source") },
      { key: "pool", label: "usage.pool", value: word("pool", "pool") },
      { key: "reason", label: "usage.reason", value: word("ended", "reason") },
      { key: "session", label: "usage.session", value: (row) => row.session, cell: (row, before) => this.#storyButton(row, before) },
    ];
    return new Table({ texts, caption: "usage.caption", columns, empty: "usage.none", rowKey: (row) => row.index, timeZone: organisation.time_zone, isCaptionHidden: true });
  }

  #storyButton(row, before) {
    const { texts } = this.#context;
    const button = before ?? h("button", { type: "button", class: "link", onclick: () => this.#tell(button.dataset.session) });
    button.dataset.session = row.session;
    setText(button, texts.t("usage.story"));
    button.setAttribute("aria-label", texts.t("usage.story_of", { user: row.user, time: texts.dateTime(row.logged_at, this.#zone.name) }));
    return button;
  }

  #drawTexts() {
    const { texts } = this.#context;
    const { problem, part, table, first, before, next } = this.#parts;
    problem.hidden = !this.#error;
    setText(problem, this.#error ? explain(texts, this.#error) : "");
    const page = this.#cursors.length;
    first.disabled = page === 1;
    before.disabled = page === 1;
    next.disabled = this.#next === null;
    const count = table.rows.length;
    const values = { first: (page - 1) * ROWS + 1, last: (page - 1) * ROWS + count };
    setText(part, count === 0 ? "" : texts.t(this.#next === null ? "usage.part_last" : "usage.part", values));
  }

  // ---- what is asked for --------------------------------------------------------------------------

  #submit() {
    const { range, fields } = this.#parts;
    if (!range.check()) return;
    const filters = Object.fromEntries(FILTERS.map((name) => [name, fields[name].value.trim()]));
    const before = location.hash;
    this.#context.navigate("usage", { ...filters, ...range.params });
    if (location.hash !== before) return;
    this.#cursors = [null];
    this.#load();
  }

  /** The address of the list alone: opening a session is no other list. */
  #address(params) {
    const list = new URLSearchParams(params);
    list.delete("session");
    return list.toString();
  }

  #query() {
    const { range } = this.#parts;
    const { from_ms, to_ms } = range.value;
    return { ...Object.fromEntries(FILTERS.map((name) => [name, this.#params.get(name)])), ...rangeOf(from_ms, to_ms) };
  }

  #turn(where) {
    const turns = { first: () => (this.#cursors = [null]), before: () => this.#cursors.pop(), next: () => this.#cursors.push(this.#next) };
    turns[where]();
    this.#load();
  }

  async #save() {
    const { api, organisation } = this.#context;
    await this.#guarded(() => api.download("licence-usage", this.#query(), `licence-usage-${organisation.id}.csv`));
  }

  // ---- reading ------------------------------------------------------------------------------------

  /** Every type that can be acquired, as this broker's catalogue has them. */
  async #readLicences() {
    const { api, texts } = this.#context;
    const { items } = await api.get("licences", { class: "user_type,feature" }, { signal: this.#signal });
    const keys = items.filter((row) => row.model !== "assigned").map((row) => row.licence);
    this.#licences.push(...keys.map((key) => ({ value: key, text: () => texts.word("licence", key) })));
    this.#parts.fields.licence.translate();
  }

  async #load() {
    this.#loading.abort();
    this.#loading = new AbortController();
    const signal = AbortSignal.any([this.#signal, this.#loading.signal]);
    this.#setBusy(true);
    await this.#guarded(async () => {
      const { items, next_cursor } = await this.#context.api.page("licence-usage", { ...this.#query(), limit: ROWS }, this.#cursors.at(-1), { signal });
      this.#next = next_cursor;
      this.#parts.table.setRows(items.map((row, index) => ({ ...row, index })));
    });
    if (!signal.aborted) this.#setBusy(false);
  }

  async #guarded(work) {
    this.#error = null;
    try {
      await work();
    } catch (error) {
      if (isAbort(error)) return;
      if (!this.#complained(error)) this.#error = error;
    }
    this.#drawTexts();
  }

  /** Whether what is wrong stands next to its field now. */
  #complained(error) {
    const { range, fields } = this.#parts;
    if (range.complain(error)) return true;
    fields[error.field]?.complain(explain(this.#context.texts, error));
    return Object.hasOwn(fields, error.field ?? "");
  }

  #setBusy(isBusy) {
    this.#parts.results.ariaBusy = String(isBusy);
    this.#parts.busy.hidden = !isBusy;
  }

  // ---- the story ----------------------------------------------------------------------------------

  #tell(session) {
    this.#context.navigate("usage", { ...Object.fromEntries(this.#params), session });
  }

  #openStory(session) {
    if (session === (this.#story?.session ?? null)) return;
    this.#story?.close();
    this.#story = null;
    if (!session) return;
    const { texts, api } = this.#context;
    const story = new Story({ texts, api, zone: this.#zone, session });
    this.#story = story;
    story.addEventListener("close", () => {
      if (this.#story !== story) return;
      this.#story = null;
      if (this.#signal.aborted) return;
      const rest = Object.fromEntries([...this.#params].filter(([name]) => name !== "session"));
      this.#context.navigate("usage", rest, { replace: true });
      this.#params = new URLSearchParams(rest);
    });
    story.open(this.#signal);
  }
}
