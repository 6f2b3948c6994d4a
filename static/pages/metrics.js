/** Licence Metrics: what is assigned now, and how many wallboards may be configured. */

import { isAbort } from "../console/api.js";
import { href } from "../console/router.js";
import { FormDialog } from "../ui/dialog.js";
import { h, said, setText } from "../ui/dom.js";
import { Field, explain } from "../ui/form.js";
import { Table } from "../ui/table.js";
import { Told } from "./parts/told.js";

const GROUPS = Object.freeze(["users", "clients", "supervisor"]);
const WALLBOARDS_MAX = 10_000;
const MAY_EDIT = Object.freeze(["admin", "operator"]);

/** The page `#/metrics`. */
export default class Metrics {
  static titleKey = "metrics.title";
  static roles = Object.freeze(["supervisor", "admin", "operator"]);

  #context;
  /** {data, etag}, as read last; null before that. */
  #read = null;
  #error = null;
  #signal = null;
  #tables = {};
  #parts = {};

  element;

  constructor(context) {
    this.#context = context;
    const { texts } = context;
    const id = "metrics-title";
    const taken = h("p", { class: "hint", role: "status" });
    const trouble = h("p", { class: "notice", role: "alert", hidden: true });
    const refresh = said(
      texts, "button", "metrics.refresh", { type: "button", id: "metrics-refresh", onclick: () => this.#load() },
    );
    this.#parts = { taken, trouble };
    this.#tables = Object.fromEntries(GROUPS.map((group) => [group, this.#groupTable(group)]));
    this.element = h("section", { class: "page", "aria-labelledby": id },
      said(texts, "h1", Metrics.titleKey, { id }),
      said(texts, "p", "metrics.introduction", { class: "hint" }),
      h("div", { class: "toolbar" }, taken, refresh), trouble,
      h("div", { class: "metrics-groups" }, GROUPS.map((group) => this.#tables[group].element), this.#devices()),
      said(texts, "p", "metrics.snapshot", { class: "message" }));
  }

  async start(signal) {
    this.#signal = signal;
    await this.#load();
  }

  translate() {
    this.#context.texts.apply(this.element);
    for (const table of Object.values(this.#tables)) table.translate();
    this.#draw();
  }

  #groupTable(group) {
    const { texts } = this.#context;
    const name = ({ licence, name: given }) => (texts.has(`licence.${licence}`) ? texts.word("licence", licence) : given);
    const about = ({ licence }) => (texts.has(`about.${licence}`) ? texts.word("about", licence) : "");
    return new Table({
      texts,
      caption: () => texts.word("metricsgroup", group),
      empty: "metrics.empty",
      rowKey: ({ licence }) => licence,
      columns: [
        { key: "metric", label: "metrics.metric", value: name },
        { key: "about", label: "metrics.about", value: about, cell: (row) => h("span", { class: "hint" }, about(row)) },
        { key: "assigned", label: "metrics.assigned", kind: "number", value: ({ assigned }) => assigned },
      ],
    });
  }

  #devices() {
    const { texts, role } = this.#context;
    const id = "metrics-devices";
    const figure = h("span", { "aria-hidden": "true" });
    const spoken = h("span", { class: "unseen" });
    const kinds = h("p", { class: "hint" });
    const edit = said(
      texts, "button", "metrics.edit",
      { type: "button", id: "metrics-edit", "aria-describedby": "metrics-wallboards", onclick: () => this.#edit() },
    );
    Object.assign(this.#parts, { figure, spoken, kinds });
    return h("section", { class: "panel part metrics-devices", "aria-labelledby": id },
      h("div", { class: "section-head" }, said(texts, "h2", "metrics.devices", { id }), MAY_EDIT.includes(role) && edit),
      said(texts, "h3", "metrics.wallboards"),
      h("p", { class: "figure", id: "metrics-wallboards" }, figure, spoken), kinds,
      said(texts, "p", "metrics.wallboards_about", { class: "hint" }),
      MAY_EDIT.includes(role) && h("p", {}, said(texts, "a", "wallboards.title", { href: href("wallboards") })));
  }

  async #load() {
    this.#error = null;
    try {
      this.#read = await this.#context.api.read("licence-metrics", {}, { signal: this.#signal });
    } catch (error) {
      if (isAbort(error)) return;
      this.#error = error;
    }
    this.#draw();
  }

  #draw() {
    const { texts, organisation } = this.#context;
    const { taken, trouble, figure, spoken, kinds } = this.#parts;
    trouble.hidden = this.#error === null;
    setText(trouble, this.#error ? explain(texts, this.#error) : "");
    if (!this.#read) return;
    const { taken_at: at, devices, ...groups } = this.#read.data;
    setText(taken, texts.t("metrics.taken_at", { time: texts.dateTime(at, organisation.time_zone), zone: organisation.time_zone }));
    for (const group of GROUPS) this.#tables[group].setRows(groups[group]);
    const { used, maximum, analytics, live_analytics: live } = devices.wallboard;
    setText(figure, `${texts.number(used)}/${texts.number(maximum)}`);
    setText(spoken, texts.t("metrics.wallboards_spoken", { used, maximum }));
    setText(kinds, texts.t("metrics.kinds", { analytics, live }));
  }

  async #edit() {
    const { texts } = this.#context;
    await this.#load();
    if (!this.#read) return;
    const { used, maximum } = this.#read.data.devices.wallboard;
    const attributes = { min: 0, max: WALLBOARDS_MAX, required: true };
    const dialog = new FormDialog({
      texts,
      title: texts.t("metrics.edit_title"),
      text: texts.t("metrics.edit_text", { used }),
      fields: [new Field(texts, { name: "maximum", label: "metrics.maximum", type: "number", value: maximum, attributes })],
      submit: "metrics.save",
      send: (values) => this.#save(values),
    });
    if (!(await dialog.open())) return;
    await this.#load();
    this.#context.announce(texts.t("metrics.saved", { maximum: this.#read.data.devices.wallboard.maximum }));
  }

  async #save(values) {
    const { api, texts } = this.#context;
    try {
      await api.send("PUT", "licence-metrics/wallboard", values, { ifMatch: this.#read.etag });
    } catch (error) {
      if (error.type === "wallboards_exhausted") throw new Told(
        texts.t("metrics.in_use", { used: this.#read.data.devices.wallboard.used }), "maximum",
      );
      if (error.type !== "changed") throw error;
      await this.#load();
      throw new Told(texts.t("metrics.changed", { maximum: this.#read.data.devices.wallboard.maximum }), "maximum");
    }
  }
}
