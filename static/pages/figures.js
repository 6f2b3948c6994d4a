/** Organisation Licence Usage: what was in use over any range, what was bought, and how many would have been enough. */

import { isConcurrent, rankOf } from "../catalogue.js";
import { isAbort } from "../console/api.js";
import { UsageChart } from "../ui/chart.js";
import { h, said, setText } from "../ui/dom.js";
import { Field, explain } from "../ui/form.js";
import { RangeField } from "../ui/range.js";
import { Zone } from "../ui/zone.js";
import { Enough } from "./figures_enough.js";
import { INTERVALS, intervalOf, rangeOf, readFigures, readSummary } from "./figures_data.js";
import { MetricsTable, RecordsTable } from "./figures_tables.js";

const FIVE_MINUTES_MS = 300_000;
/** Figures of five minutes are there a moment after they end. */
const SETTLED_MS = 5_000;

export default class FiguresPage {
  static titleKey = "figures.title";
  static roles = Object.freeze(["supervisor", "admin", "operator"]);

  #context;
  #zone;
  #params;
  #signal = null;
  #loading = new AbortController();
  #timer = null;
  /** What is shown, or null; and what went wrong, or null. */
  #shown = null;
  #error = null;
  #licences = [];
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
    this.#parts.chart.addEventListener("view", () => this.#viewChanged());
  }

  /** @param {AbortSignal} signal */
  start(signal) {
    this.#signal = signal;
    this.#parts.chart.start(signal);
    signal.addEventListener("abort", () => {
      this.#loading.abort();
      this.#context.timers.clearTimeout(this.#timer);
    });
    return this.update(this.#params);
  }

  /** @param {URLSearchParams} params another address of this page */
  update(params) {
    this.#params = params;
    this.#parts.range.read(params, "days7");
    this.#parts.interval.value = INTERVALS.some(({ name }) => name === params.get("interval")) ? params.get("interval") : "";
    return this.#load();
  }

  /** After a change of language. */
  translate() {
    const { page, licence, interval, range, chart, enough, metrics, records } = this.#parts;
    this.#context.texts.apply(page);
    for (const part of [licence, interval, range, chart, enough, metrics, records]) part.translate();
    this.#drawTexts();
  }

  // ---- its parts ----------------------------------------------------------------------------------

  #frame() {
    const { texts } = this.#context;
    const zone = this.#zone;
    const options = () => this.#licences.map((key) => ({ value: key, text: () => texts.word("licence", key) }));
    const licence = new LicenceField(texts, options);
    const steps = [{ value: "", text: () => texts.t("figures.interval_auto") }, ...INTERVALS.map(({ name }) => ({ value: name, text: () => texts.t(`step.${name}`) }))];
    const interval = new Field(texts, { name: "interval", label: "figures.interval", type: "select", options: steps });
    const parts = {
      licence,
      interval,
      range: new RangeField({ texts, zone }),
      chart: new UsageChart({ texts, zone }),
      enough: new Enough({ texts, zone }),
      metrics: new MetricsTable({ texts, onChoose: (key) => this.#go({ licence: key }) }),
      records: new RecordsTable({ texts, zone }),
      problem: h("p", { class: "notice", role: "alert", hidden: true }),
      busy: said(texts, "p", "data.loading", { class: "hint", hidden: true }),
      nothing: said(texts, "p", "figures.nothing", { class: "hint table-empty", role: "status", hidden: true }),
      note: h("p", { class: "hint" }),
      chartTitle: h("h2", { id: "figures-chart" }),
      zoomed: said(texts, "button", "figures.zoomed", { type: "button", class: "small", id: "figures-zoomed", hidden: true, onclick: () => this.#takeView() }),
    };
    parts.results = h("div", { class: "page", "aria-busy": "false" },
      parts.enough.element,
      h("section", { class: "panel", "aria-labelledby": "figures-chart" }, parts.chartTitle, parts.note, parts.chart.element, parts.zoomed),
      parts.metrics.element, parts.records.element);
    parts.page = h("section", { class: "page", "aria-labelledby": "figures-title" },
      said(texts, "h1", "figures.title", { id: "figures-title" }), said(texts, "p", "figures.about", { class: "hint" }),
      this.#form(parts), parts.problem, parts.busy, parts.nothing, parts.results);
    return parts;
  }

  #form({ licence, interval, range }) {
    const { texts } = this.#context;
    const send = (event) => {
      event.preventDefault();
      this.#submit();
    };
    const file = said(texts, "button", "data.csv", { type: "button", id: "figures-csv", onclick: () => this.#save() });
    return h("form", { class: "panel filters", novalidate: true, onsubmit: send }, licence.element, interval.element, range.element,
      h("div", { class: "form-actions" }, said(texts, "button", "data.show", { type: "submit", class: "primary" }), file));
  }

  #drawTexts() {
    const { texts } = this.#context;
    const { problem, chartTitle, note } = this.#parts;
    problem.hidden = !this.#error;
    setText(problem, this.#error ? explain(texts, this.#error) : "");
    if (!this.#shown) return;
    const { licence, interval, from_ms, to_ms, isWhole, points } = this.#shown;
    setText(chartTitle, texts.t("figures.chart", { licence: texts.word("licence", licence), span: this.#zone.span(from_ms, to_ms) }));
    const notes = [texts.t(interval === "5m" ? "figures.note_records" : "figures.note_sums", { step: texts.t(`step.${interval}`) }), texts.t("range.zone", { zone: this.#zone.name })];
    if (points.length === 0) notes.unshift(texts.t("figures.none"));
    if (!isWhole) notes.push(texts.t("figures.cut"));
    setText(note, texts.sentences(notes));
  }

  // ---- what is asked for --------------------------------------------------------------------------

  #submit() {
    const { range, licence, interval } = this.#parts;
    if (!range.check()) return;
    this.#go({ licence: licence.value, interval: interval.value, range: null, from: null, to: null, ...range.params });
  }

  /** The address says it, and so it is shown; the same again is read again. */
  #go(changes) {
    const params = Object.assign(Object.fromEntries(this.#params), changes);
    const before = location.hash;
    this.#context.navigate("figures", params);
    if (location.hash === before) this.#load();
  }

  #viewChanged() {
    const [from, to] = this.#parts.chart.view_ms;
    const { from_ms, to_ms } = this.#shown;
    this.#parts.zoomed.hidden = from === from_ms && to === to_ms;
  }

  /** To whole records, which the range has if it has their start. */
  #takeView() {
    const [from, to] = this.#parts.chart.view_ms;
    const whole = (at_ms, round) => round(at_ms / FIVE_MINUTES_MS) * FIVE_MINUTES_MS;
    this.#go({ range: null, ...rangeOf(whole(from, Math.floor), whole(to, Math.ceil)) });
  }

  async #save() {
    const { api, organisation } = this.#context;
    if (!this.#shown) return;
    const { licence, from_ms, to_ms, interval } = this.#shown;
    const name = `organisation-licence-usage-${organisation.id}-${licence}.csv`;
    await this.#guarded(() => api.download("organisation-licence-usage", { licence, interval, ...rangeOf(from_ms, to_ms) }, name));
  }

  // ---- reading ------------------------------------------------------------------------------------

  /** Unasked, it neither says that it reads nor what it read: only who asked waits for an answer. */
  async #load({ isAsked = true } = {}) {
    this.#loading.abort();
    this.#loading = new AbortController();
    this.#context.timers.clearTimeout(this.#timer);
    const signal = AbortSignal.any([this.#signal, this.#loading.signal]);
    this.#setBusy(isAsked);
    await this.#guarded(() => this.#read(signal));
    if (signal.aborted) return;
    this.#setBusy(false);
    if (isAsked) this.#context.announce(this.#error ? "" : this.#parts.enough.text);
    this.#comeBack();
  }

  async #read(signal) {
    const { api } = this.#context;
    const { from_ms, to_ms } = this.#parts.range.value;
    const summary = await readSummary(api, { from_ms, to_ms }, signal);
    const licence = this.#choose(summary.metrics);
    const interval = this.#parts.interval.value || intervalOf(from_ms, to_ms);
    const nothing = { points: [], denied: [], bought: [], isWhole: true };
    const figures = licence ? await readFigures(api, { licence, from_ms, to_ms, interval }, signal) : nothing;
    signal.throwIfAborted();
    this.#show({ ...summary, ...figures, licence, interval, from_ms, to_ms });
  }

  /** The type that the address names, else the first seat that is shared and was assigned, else whatever was. */
  #choose(metrics) {
    const named = this.#params.get("licence");
    const keys = new Set(metrics.map((row) => row.licence));
    if (named) keys.add(named);
    this.#licences = [...keys].sort((one, other) => rankOf(one) - rankOf(other));
    const chosen = named ?? this.#licences.find(isConcurrent) ?? this.#licences[0] ?? null;
    this.#parts.licence.fill(chosen);
    return chosen;
  }

  #show(shown) {
    const { chart, enough, metrics, records, results, nothing } = this.#parts;
    const isFixed = shown.licence !== null && !isConcurrent(shown.licence);
    const bought = shown.bought.map(({ since_ms, concurrent, contingency, fixed }) => (isFixed ? { since_ms, concurrent: fixed, contingency: 0 } : { since_ms, concurrent, contingency }));
    this.#shown = { ...shown, bought, isFixed, until_ms: Math.min(Date.now(), shown.to_ms) };
    const isNothing = shown.metrics.length === 0;
    results.hidden = isNothing;
    nothing.hidden = !isNothing;
    this.#drawTexts();
    enough.show(this.#shown);
    chart.setFigures(this.#shown);
    metrics.show(this.#shown);
    records.show(this.#shown);
    this.#viewChanged();
  }

  /** While the range has not ended, there is more every five minutes. */
  #comeBack() {
    const now = Date.now();
    if (!this.#shown || this.#shown.to_ms <= now) return;
    const wait_ms = FIVE_MINUTES_MS - (now % FIVE_MINUTES_MS) + SETTLED_MS;
    this.#timer = this.#context.timers.setTimeout(() => this.#load({ isAsked: false }), wait_ms);
  }

  /** Says what went wrong, and that it went well by saying nothing. */
  async #guarded(work) {
    this.#error = null;
    try {
      await work();
    } catch (error) {
      if (isAbort(error)) return;
      if (!this.#parts.range.complain(error)) this.#error = error;
    }
    this.#drawTexts();
  }

  #setBusy(isBusy) {
    this.#parts.results.ariaBusy = String(isBusy);
    this.#parts.busy.hidden = !isBusy;
  }
}

/** The list of types, which is known only when the figures are. */
class LicenceField {
  #field;
  #options = [];
  #read;

  constructor(texts, read) {
    this.#read = read;
    this.#field = new Field(texts, { name: "licence", label: "figures.licence", type: "select", options: this.#options });
    this.element = this.#field.element;
  }

  get value() {
    return this.#field.value;
  }

  fill(chosen) {
    this.#options.splice(0, Infinity, ...this.#read());
    this.#field.translate();
    this.#field.value = chosen ?? "";
  }

  translate() {
    this.#field.translate();
  }
}
