/** Who holds what: by licence, by user, by device; and who was denied what. Follows the live counts. */

import { Cells } from "./holders/cells.js";
import { Field, explain } from "../ui/form.js";
import { LiveCounts } from "../live.js";
import { Table } from "../ui/table.js";
import { ask } from "../ui/dialog.js";
import { brokerUrl } from "../access.js";
import { byUser, has, isOf, latestDenials } from "./holders/rows.js";
import { href } from "../console/router.js";
import { isAbort } from "../console/api.js";
import { h, said, setText } from "../ui/dom.js";

const VIEWS = Object.freeze([
  ["licence", "holders.by_licence"],
  ["user", "holders.by_user"],
  ["device", "holders.by_device"],
  ["denials", "holders.denials"],
]);
/** More rows are shown when somebody asks for them. */
const ROWS_MAX = 200;
const DENIALS_MAX = 100;
/** Looked at anew no sooner than this after the last time, and not before ten times as long as that took. */
const PAUSE_MS = 2_000;
const PAUSE_FACTOR = 10;
/** So that "for 12 min" stays true. */
const AGES_MS = 30_000;
const DEVICES = Object.freeze(["agent_desktop", "deskphone", "switchboard"]);

/** One table at a time; what it shows stands in the address. */
export default class Holders {
  static titleKey = "holders.title";
  static roles = ["supervisor", "admin", "operator"];

  #context;
  #texts;
  #cells;
  #live;
  #view;
  #fields;
  #parts;
  #table = null;
  /** As read last, before filters. */
  #rows = [];
  /** Which types View Licences shows only if asked for features. */
  #featuresAmong = new Set();
  #shown_max = ROWS_MAX;
  #isReading = false;
  #isWanted = false;
  #timer = null;
  #ages = null;
  #signal = null;
  /** Fences what comes back for a view that was left meanwhile. */
  #reading = 0;

  /** Its root. */
  element;

  /** @param {import("../console/pages.js").PageContext} context */
  constructor(context) {
    const { texts, api, organisation, timers } = context;
    this.#context = context;
    this.#texts = texts;
    this.#cells = new Cells({ texts, zone: organisation.time_zone, onLogOut: (session) => this.#logOut(session) });
    this.#live = new LiveCounts({ url: brokerUrl(), organisation: organisation.id, getToken: (refused) => api.token(refused), timers });
    this.#fields = this.#filters();
    this.#parts = this.#draw();
    this.element = this.#parts.root;
    this.#take(context.params);
  }

  /** @param {AbortSignal} signal */
  async start(signal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#end());
    this.#live.addEventListener("changed", () => this.#want(), { signal });
    this.#live.addEventListener("state", () => this.#drawState(), { signal });
    this.#ages = setInterval(() => this.#drawRows(), AGES_MS);
    await this.#readLicences();
    await this.#read();
    this.#live.start();
  }

  /** The address names another view of this page. @param {URLSearchParams} params */
  update(params) {
    this.#take(params);
    this.#refresh();
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    for (const field of this.#fields.values()) field.translate();
    this.#table.translate();
    this.#drawRows();
    this.#drawState();
  }

  #end() {
    this.#live.stop();
    clearInterval(this.#ages);
    this.#context.timers.clearTimeout(this.#timer);
  }

  // ---- the address --------------------------------------------------------------------------------

  #take(params) {
    this.#context.params = params;
    const view = params.get("view") ?? "licence";
    this.#view = VIEWS.some(([name]) => name === view) ? view : "licence";
    this.#fields.get("licence").value = params.get("licence") ?? "";
    this.#fields.get("device").value = params.get("device") ?? "";
    this.#fields.get("q").value = params.get("q") ?? "";
    this.#parts.views.querySelector(`[value="${this.#view}"]`).checked = true;
    this.#shown_max = ROWS_MAX;
    this.#rows = [];
    this.#newTable();
  }

  /** Whoever filters stays where they are; the address follows. */
  #filtered() {
    const { params, navigate } = this.#context;
    for (const [name, field] of this.#fields) {
      if (field.value === "") params.delete(name);
      else params.set(name, field.value);
    }
    navigate("holders", params, { replace: true });
    this.#shown_max = ROWS_MAX;
  }

  #choose(view) {
    const { params, navigate } = this.#context;
    const next = new URLSearchParams(params);
    next.set("view", view);
    navigate("holders", next);
  }

  // ---- reading ------------------------------------------------------------------------------------

  async #read() {
    const run = ++this.#reading;
    const rows = await this.#ask();
    if (run !== this.#reading) return;
    this.#rows = rows;
    this.#drawRows();
  }

  async #ask() {
    const { api } = this.#context;
    const signal = this.#signal;
    const licence = this.#fields.get("licence").value;
    if (this.#view === "licence") return (await api.all("holders", { licence }, { signal })).items;
    if (this.#view === "denials") return latestDenials(api, { licence }, { signal, wanted: DENIALS_MAX });
    const { items } = await api.all("sessions", {}, { signal });
    return this.#view === "user" ? byUser(items) : items;
  }

  async #refresh() {
    try {
      await this.#read();
    } catch (error) {
      if (isAbort(error) || this.#signal.aborted) return;
      setText(this.#parts.notice, explain(this.#texts, error));
      this.#parts.notice.hidden = false;
      return;
    }
    this.#parts.notice.hidden = true;
  }

  /** Counts moved: what is shown is out of date. A large organisation is not read over and over. */
  async #want() {
    this.#isWanted = true;
    if (this.#isReading) return;
    this.#isReading = true;
    this.#isWanted = false;
    const began_ms = performance.now();
    await this.#refresh();
    const pause_ms = Math.max(PAUSE_MS, (performance.now() - began_ms) * PAUSE_FACTOR);
    this.#timer = this.#context.timers.setTimeout(() => {
      this.#isReading = false;
      if (this.#isWanted) this.#want();
    }, pause_ms);
  }

  // ---- the page -----------------------------------------------------------------------------------

  #filters() {
    const texts = this.#texts;
    const devices = DEVICES.map((value) => ({ value, text: () => texts.word("device", value) }));
    const all = { value: "", text: () => texts.t("holders.all") };
    const fields = new Map([
      ["licence", new Field(texts, { name: "licence", type: "select", label: "holders.licence", options: [all] })],
      ["device", new Field(texts, { name: "device", type: "select", label: "holders.device", options: [all, ...devices] })],
      ["q", new Field(texts, { name: "q", type: "search", label: "holders.search", attributes: { autocapitalize: "none", spellcheck: "false" } })],
    ]);
    fields.get("q").input.addEventListener("input", () => this.#narrow());
    fields.get("device").input.addEventListener("change", () => this.#narrow());
    fields.get("licence").input.addEventListener("change", () => {
      this.#filtered();
      this.#refresh();
    });
    return fields;
  }

  #narrow() {
    this.#filtered();
    this.#drawRows();
  }

  /** The types that this broker's catalogue has, an operator's own among them. */
  async #readLicences() {
    const texts = this.#texts;
    const { items } = await this.#context.api.get("licences", { class: "user_type,feature" }, { signal: this.#signal });
    const options = items.filter(({ model }) => model !== "assigned").map(({ licence, name, class: kind }) => ({
      value: licence,
      text: () => (texts.has(`licence.${licence}`) ? texts.word("licence", licence) : name),
      group: () => texts.t(kind === "user_type" ? "holders.seats" : "holders.features"),
    }));
    this.#featuresAmong = new Set(items.filter((row) => row.class === "feature").map(({ licence }) => licence));
    this.#fields.get("licence").options = [{ value: "", text: () => texts.t("holders.all") }, ...options];
    this.#fields.get("licence").value = this.#context.params.get("licence") ?? "";
  }

  #draw() {
    const texts = this.#texts;
    const state = h("span", { id: "holders-live" });
    const live = h("p", { class: "live", dataset: { state: "connecting" } }, state);
    const choices = VIEWS.map(([name, key]) => h("label", {},
      h("input", { type: "radio", name: "view", value: name, onchange: () => this.#choose(name) }), h("span", { dataset: { i18n: key } }, texts.t(key))));
    const views = h("fieldset", { class: "field views" }, said(texts, "legend", "holders.view"), h("div", { class: "choices" }, choices));
    const notice = h("p", { class: "notice", role: "alert", hidden: true });
    const bought = h("a", { id: "holders-bought", hidden: true });
    const summary = h("p", { class: "summary", id: "holders-summary" });
    const place = h("div");
    const more = h("button", { type: "button", id: "more", hidden: true, onclick: () => this.#showMore() });
    const root = h("section", { class: "page", "aria-labelledby": "holders-title" },
      h("div", { class: "page-head" }, said(texts, "h1", "holders.title", { id: "holders-title" }), live),
      views, h("div", { class: "filters" }, [...this.#fields.values()].map((field) => field.element)), notice,
      h("div", { class: "page-head" }, summary, bought), place, more);
    return { root, state, live, views, notice, summary, bought, place, more };
  }

  #newTable() {
    const { time_zone } = this.#context.organisation;
    this.#fields.get("device").element.hidden = this.#view === "licence";
    this.#table = new Table({
      texts: this.#texts, timeZone: time_zone, rowKey: KEYS[this.#view], columns: this.#columns()[this.#view],
      caption: () => this.#texts.t("holders.zone", { zone: time_zone }),
      empty: this.#view === "denials" ? "holders.no_denials" : "holders.nobody",
    });
    this.#parts.place.replaceChildren(this.#table.element);
    setText(this.#parts.summary, "");
    this.#parts.more.hidden = true;
  }

  #columns() {
    const texts = this.#texts;
    const cells = this.#cells;
    const word = (family, name) => ({ value: (row) => texts.word(family, row[name]) });
    const user = { key: "user", label: "holders.user", value: (row) => row.user, cell: (row, node) => cells.user(row, node), sortable: true };
    const since = { key: "since", label: "holders.since", kind: "time", value: (row) => row.since, cell: (row, node) => cells.since(row, node), sortable: true };
    const licence = { key: "licence", label: "holders.licence", ...word("licence", "licence"), cell: (row, node) => cells.licence(row, node), sortable: true };
    const device = { key: "device", label: "holders.device", ...word("device", "device"), sortable: true };
    const held = { key: "held", label: "holders.held", cell: (row) => cells.licences(row) };
    const devices = { key: "devices", label: "holders.devices", value: (row) => cells.devices(row.sessions), sortable: true };
    const end = (of) => ({ key: "end", label: "holders.action", cell: (row, node) => cells.logOut(of(row), node) });
    const sessionsOf = (row) => row.sessions.map((session) => ({ user: row.user, ...session }));
    return {
      licence: [
        { ...user, isHeader: true }, licence,
        { key: "pool", label: "holders.pool", ...word("rank", "pool"), cell: (row, node) => cells.pool(row, node), sortable: true },
        since, devices, end(sessionsOf),
      ],
      user: [user, since, devices, held, end(sessionsOf)],
      device: [
        { ...user, isHeader: true }, device, since,
        { key: "state", label: "holders.state", value: ({ state }) => texts.t(state === "connected" ? "holders.connected" : "holders.lingering"), sortable: true },
        held, { key: "address", label: "holders.address", kind: "code", value: (row) => row.address }, end((row) => [row]),
      ],
      denials: [
        { key: "at", label: "holders.at", kind: "time", value: ({ at }) => at },
        { ...user, isHeader: true }, licence, device,
        { key: "reason", label: "holders.reason", ...word("reason", "reason") },
        { key: "outcome", label: "holders.outcome", ...word("outcome", "outcome") },
      ],
    };
  }

  #drawRows() {
    const rows = this.#wanted();
    this.#table.setRows(rows.slice(0, this.#shown_max));
    const hidden = rows.length - this.#shown_max;
    this.#parts.more.hidden = hidden <= 0;
    setText(this.#parts.more, this.#texts.t("holders.more", { count: Math.max(hidden, 0) }));
    setText(this.#parts.summary, this.#summary(rows));
    this.#drawBought();
  }

  /** The way back: what was bought of the type that one looks at. */
  #drawBought() {
    const licence = this.#fields.get("licence").value;
    this.#parts.bought.hidden = licence === "";
    if (licence === "") return;
    const classes = this.#featuresAmong.has(licence) ? { feature: 1 } : {};
    this.#parts.bought.href = href("licences", { ...classes, licence });
    setText(this.#parts.bought, this.#texts.t("holders.bought", { licence: this.#texts.word("licence", licence) }));
  }

  /** What of it the filters leave. */
  #wanted() {
    const [licence, device, query] = ["licence", "device", "q"].map((name) => this.#fields.get(name).value);
    const isDevice = (row) => device === "" || row.device === device || row.sessions?.some((session) => session.device === device);
    const rows = this.#rows.filter((row) => isOf(row, query));
    if (this.#view === "licence") return rows;
    if (this.#view === "denials") return rows.filter((row) => isDevice(row));
    return rows.filter((row) => isDevice(row) && has(row, licence));
  }

  /** Of one licence type the answer to the usual question stands above the table: who took the last one. */
  #summary(rows) {
    const texts = this.#texts;
    const licence = this.#fields.get("licence").value;
    if (this.#view === "denials") return rows.length > 0 ? texts.t("holders.count_denials", { count: rows.length }) : "";
    const count = texts.t("holders.count", { count: rows.length });
    const last = this.#rows.at(-1);
    if (this.#view !== "licence" || licence === "" || !last) return count;
    const { time_zone } = this.#context.organisation;
    const told = texts.t("holders.last", {
      licence: texts.word("licence", licence), user: last.user, time: texts.zoned(last.since, time_zone), pool: texts.word("rank", last.pool),
    });
    return texts.sentences([count, told]);
  }

  #showMore() {
    this.#shown_max += ROWS_MAX;
    this.#drawRows();
  }

  #drawState() {
    const { state } = this.#live;
    this.#parts.live.dataset.state = state;
    setText(this.#parts.state, this.#texts.t(`live.${state}`));
  }

  // ---- ending a session ---------------------------------------------------------------------------

  async #logOut({ session, user, device }) {
    const texts = this.#texts;
    const isSure = await ask({
      texts, danger: true,
      title: texts.t("holders.ask_title", { user }),
      text: texts.t("holders.ask_text", { user, device: texts.word("device", device) }),
      confirm: texts.t("holders.log_out"),
    });
    if (!isSure) return;
    try {
      await this.#context.api.send("DELETE", `sessions/${session}`);
    } catch (error) {
      // It is gone, which is what was wanted.
      if (error.type !== "not_found") {
        setText(this.#parts.notice, explain(texts, error));
        this.#parts.notice.hidden = false;
        return;
      }
    }
    this.#context.announce(texts.t("holders.logged_out", { user }));
    await this.#refresh();
  }
}

const KEYS = Object.freeze({
  licence: ({ user, licence }) => `${licence} ${user}`,
  user: ({ user }) => user,
  device: ({ session }) => session,
  denials: ({ number }) => number,
});
