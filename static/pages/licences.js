/** View Licences: what was bought, what is in use now, and the change of what was bought. */

import { Bar, legend, statusOf, statusText } from "../ui/bar.js";
import { Herald } from "../ui/herald.js";
import { LiveCounts } from "../live.js";
import { Purchase } from "./licences/purchase.js";
import { Table } from "../ui/table.js";
import { explain } from "../ui/form.js";
import { brokerUrl } from "../access.js";
import { href } from "../console/router.js";
import { isAbort } from "../console/api.js";
import { h, said, setText } from "../ui/dom.js";

/** What does not come by itself (base licences, active users) is read again this often. */
const AGAIN_MS = 60_000;
/** The columns of the reference's page, with those of fixed seats after them. */
const GROUPS = Object.freeze({
  base: ["licences.base", { total: "licences.total", used: "licences.base_used", reusable: "licences.reusable", available: "licences.base_available" }],
  concurrent: ["licences.concurrent", { total: "licences.total", used: "licences.used", available: "licences.available" }],
  contingency: ["licences.contingency", { total: "licences.total", used: "licences.used", max_used: "licences.max_used", available: "licences.available" }],
  fixed: ["licences.fixed", { total: "licences.total", used: "licences.base_used", available: "licences.available" }],
});
const CLASSES = Object.freeze([["feature", "licences.features"], ["product", "licences.products"]]);

/** A row for each licence type; counts move by themselves. */
export default class Licences {
  static titleKey = "licences.title";
  static roles = ["supervisor", "admin", "operator"];

  #context;
  #texts;
  #live;
  #herald;
  /** Licence → its row: as read last, with the counts as they are now. */
  #rows = new Map();
  #head = null;
  #etag = null;
  #statuses = new Map();
  #bars = new Map();
  #parts;
  #table;
  #frame = null;
  #timer = null;
  #signal = null;

  /** Its root. */
  element;

  /** @param {import("../console/pages.js").PageContext} context */
  constructor(context) {
    const { texts, api, organisation, timers } = context;
    this.#context = context;
    this.#texts = texts;
    this.#herald = new Herald(context);
    this.#live = new LiveCounts({ url: brokerUrl(), organisation: organisation.id, getToken: (refused) => api.token(refused), timers });
    this.#table = new Table({
      texts, caption: "licences.title", isCaptionHidden: true, empty: "licences.empty", rowKey: ({ licence }) => licence,
      columns: this.#columns(),
    });
    this.#parts = this.#draw();
    this.element = this.#parts.root;
  }

  /** @param {AbortSignal} signal */
  async start(signal) {
    this.#signal = signal;
    this.#live.addEventListener("changed", () => this.#counted(), { signal });
    this.#live.addEventListener("state", () => this.#drawState(), { signal });
    signal.addEventListener("abort", () => this.#end());
    await this.#read();
    this.#show(this.#context.params.get("licence"));
    this.#live.start();
    this.#again();
  }

  /** Whoever comes from a licence's holders comes to its row. */
  #show(licence) {
    const link = licence && this.element.querySelector(`tr[data-key="${CSS.escape(licence)}"] a`);
    if (!link) return;
    link.closest("tr").dataset.chosen = "true";
    link.scrollIntoView({ block: "center" });
    link.focus({ preventScroll: true });
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    this.#table.translate();
    this.#drawState();
    this.#drawHead();
  }

  #end() {
    this.#live.stop();
    this.#herald.stop();
    this.#context.timers.clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
  }

  // ---- what is there ------------------------------------------------------------------------------

  get #classes() {
    return CLASSES.map(([name]) => name).filter((name) => this.#context.params.get(name) !== null);
  }

  get #wanted() {
    return ["user_type", ...this.#classes].join(",");
  }

  async #read() {
    const { data, etag } = await this.#context.api.read("licences", { class: this.#wanted }, { signal: this.#signal });
    this.#rows = new Map(data.items.map((row) => [row.licence, row]));
    this.#head = data.organisation;
    this.#etag = etag;
    this.#overlay();
    this.#table.setRows([...this.#rows.values()]);
    this.#drawHead();
  }

  /** Reads again, because somebody wants it or because the time has come. */
  async #refresh() {
    try {
      await this.#read();
      this.#complain(null);
    } catch (error) {
      if (!isAbort(error) && !this.#signal.aborted) this.#complain(error);
    }
  }

  #again() {
    this.#timer = this.#context.timers.setTimeout(async () => {
      await this.#refresh();
      if (!this.#signal.aborted) this.#again();
    }, AGAIN_MS);
  }

  /** Counts come ten times a second; pages are drawn when somebody looks. */
  #counted() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      // What was bought was changed by somebody else: the version that we know is over.
      if (this.#overlay()) this.#refresh();
      this.#table.setRows([...this.#rows.values()]);
      this.#drawHead();
    });
  }

  /** Lays the live counts over the rows; true if a total is another than was read. */
  #overlay() {
    let isOutdated = false;
    for (const [licence, row] of this.#rows) {
      const live = this.#live.licences.get(licence);
      if (live && row.model === "concurrent") {
        isOutdated ||= live.concurrent.total !== row.concurrent.total || live.contingency.total !== row.contingency.total;
        this.#rows.set(licence, withCounts(row, live));
      }
      this.#note(this.#rows.get(licence));
    }
    return isOutdated;
  }

  /** Screen readers hear of a type when its state becomes another, not of every count. */
  #note(row) {
    const status = statusOf(row);
    const before = this.#statuses.get(row.licence);
    this.#statuses.set(row.licence, status);
    if (before === undefined || before === status) return;
    const { licence } = row;
    this.#herald.tell(licence, () => this.#texts.t("licences.news", {
      licence: this.#nameOf(row), status: statusText(this.#texts, this.#rows.get(licence) ?? row),
    }));
  }

  /** An operator's catalogue may have types that the pages do not know: their own name is good enough. */
  #nameOf({ licence, name }) {
    return this.#texts.has(`licence.${licence}`) ? this.#texts.word("licence", licence) : name;
  }

  // ---- the page -----------------------------------------------------------------------------------

  #draw() {
    const texts = this.#texts;
    const state = h("span", { id: "licences-live" });
    const live = h("p", { class: "live", dataset: { state: "connecting" } }, state);
    const notice = h("p", { class: "notice", role: "alert", id: "licences-notice", hidden: true });
    const totals = new Map();
    const total = (name, key) => {
      totals.set(name, h("dd", { dataset: { total: name } }, "–"));
      return h("div", {}, said(texts, "dt", key), totals.get(name));
    };
    const head = h("dl", { class: "totals totals-named" }, total("organisation", "licences.organisation"), total("active_users", "licences.active_users"),
      total("active_billing_period", "licences.active_billing_period"), total("full", "licences.types_full"), total("over", "licences.types_over"));
    const root = h("section", { class: "page", "aria-labelledby": "licences-title" },
      h("div", { class: "page-head" }, said(texts, "h1", "licences.title", { id: "licences-title" }), live),
      head, this.#filters(), notice, legend(texts), this.#table.element);
    return { root, state, live, totals, notice };
  }

  #filters() {
    const boxes = CLASSES.map(([name, key]) => {
      const isChosen = this.#context.params.get(name) !== null;
      const box = h("input", { type: "checkbox", id: `show-${name}`, checked: isChosen, onchange: (event) => this.#choose(name, event.target.checked) });
      return h("div", { class: "check" }, box, said(this.#texts, "label", key, { for: box.id }));
    });
    return h("div", { class: "filters" }, boxes, said(this.#texts, "button", "licences.refresh", { type: "button", id: "refresh", onclick: () => this.#refresh() }),
      said(this.#texts, "button", "licences.csv", { type: "button", id: "csv", onclick: () => this.#save() }));
  }

  async #save() {
    try {
      await this.#context.api.download("licences", { class: this.#wanted }, `licences-${this.#context.organisation.id}.csv`);
      this.#complain(null);
    } catch (error) {
      this.#complain(error);
    }
  }

  #complain(error) {
    this.#parts.notice.hidden = !error;
    setText(this.#parts.notice, error ? explain(this.#texts, error) : "");
  }

  #choose(name, isChosen) {
    const { params, navigate } = this.#context;
    if (isChosen) params.set(name, "1");
    else params.delete(name);
    navigate("licences", params, { replace: true });
    this.#refresh();
  }

  #columns() {
    const columnsOf = ([group, [heading, labels]]) => Object.entries(labels).map(([name, label]) => ({
      key: `${group}-${name}`, group: heading, label, kind: "number", value: (row) => (appliesTo(row, group) ? row[group][name] : null),
    }));
    const alone = (name, label) => ({ key: name, label, kind: "number", value: (row) => row[name] });
    return [
      { key: "licence", label: "licences.licence", value: (row) => this.#nameOf(row), cell: (row, node) => this.#nameCell(row, node) },
      alone("active_users", "licences.active_users"),
      ...Object.entries(GROUPS).flatMap(columnsOf),
      { key: "waiting", label: "licences.waiting", kind: "number", value: (row) => (row.model === "concurrent" ? row.waiting : null) },
      alone("active_billing_period", "licences.active_billing_period"),
    ];
  }

  /** Name, state, bar, and the way to who holds it; stays the same node, so that the focus stays. */
  #nameCell(row, node) {
    const cell = node ?? this.#newNameCell(row);
    const texts = this.#texts;
    cell.dataset.status = statusOf(row);
    setText(cell.querySelector("a"), this.#nameOf(row));
    setText(cell.querySelector(".badge"), statusText(texts, row));
    const change = cell.querySelector("button");
    if (change) {
      setText(change, texts.t("licences.change"));
      change.setAttribute("aria-label", texts.t("licences.change_of", { licence: this.#nameOf(row) }));
    }
    this.#bars.get(row.licence).show(row);
    return cell;
  }

  #newNameCell({ licence, model }) {
    const bar = new Bar(this.#texts);
    this.#bars.set(licence, bar);
    const mayChange = this.#context.role !== "supervisor" && model !== "assigned";
    const change = mayChange && h("button", { type: "button", class: "small", dataset: { change: licence }, onclick: () => this.#change(licence) });
    return h("div", { class: "licence-cell" }, h("a", { href: href("holders", { licence }) }), h("span", { class: "badge" }), bar.element, change);
  }

  #drawHead() {
    if (!this.#head) return;
    const rows = [...this.#rows.values()];
    const count = (...statuses) => rows.filter((row) => statuses.includes(statusOf(row))).length;
    const { name, active_users, active_billing_period } = this.#head;
    const figures = { active_users, active_billing_period, full: count("full", "fixed_full"), over: count("over") };
    setText(this.#parts.totals.get("organisation"), name);
    for (const [key, value] of Object.entries(figures)) {
      const figure = this.#parts.totals.get(key);
      setText(figure, this.#texts.number(value));
      figure.dataset.some = String(value > 0);
    }
  }

  #drawState() {
    const { state } = this.#live;
    this.#parts.live.dataset.state = state;
    setText(this.#parts.state, this.#texts.t(`live.${state}`));
  }

  // ---- buying -------------------------------------------------------------------------------------

  async #change(licence) {
    const read = async () => {
      await this.#read();
      return { row: this.#rows.get(licence), etag: this.#etag };
    };
    const row = this.#rows.get(licence);
    const purchase = new Purchase({ context: this.#context, name: this.#nameOf(row), row, etag: this.#etag, read });
    const changed = await purchase.open();
    if (!changed) return;
    this.#context.announce(this.#texts.t("licences.changed", { licence: this.#nameOf(row) }));
    await this.#refresh();
  }
}

function appliesTo({ model, class: kind, base }, group) {
  if (group === "fixed") return model === "fixed_seat";
  if (group === "base") return model === "concurrent" && (kind === "user_type" || base.total > 0);
  return model === "concurrent";
}

function withCounts(row, { holders, concurrent, contingency, waiting }) {
  const over_allocated = Math.max(0, holders - concurrent.total - contingency.total);
  return { ...row, concurrent, contingency, waiting, over_allocated };
}
