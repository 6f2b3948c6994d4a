/**
 * The chart of figures: what was in use over time, concurrent and contingency stacked, its peaks, what was bought,
 * and below the line who was turned away. Zoomed by dragging, by buttons, or by keyboard alone.
 */

import { columnsOf, heights, indexAt, knownAt } from "./chart_data.js";
import { h, newId, said, setText } from "./dom.js";
import { loadUPlot } from "./uplot.js";

/** Nothing shorter is shown: it is one record. */
const VIEW_MIN_MS = 15 * 60_000;
const ZOOM = 2;
const DAY_MS = 86_400_000;
/** By how many points the keys move the cursor. */
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12 };

const LEGEND = [
  ["concurrent", "chart.concurrent", "chart.logged_in"],
  ["contingency", "chart.contingency", null],
  ["peak", "chart.peak", "chart.peak"],
  ["bought", "chart.bought", "chart.bought_fixed"],
  ["bought-all", "chart.bought_all", null],
  ["denied", "chart.denied", "chart.denied"],
];

/** Tells by `view` when another stretch is shown; `view_ms` says which. */
export class UsageChart extends EventTarget {
  #texts;
  #zone;
  #figures = null;
  /** What is shown, [from, to). */
  #view = null;
  /** The position of the point under the cursor, or null. */
  #cursor = null;
  #uPlot = null;
  #plot = null;
  #parts;

  /** A figure with its buttons and its legend. */
  element;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {import("./zone.js").Zone} settings.zone
   */
  constructor({ texts, zone }) {
    super();
    this.#texts = texts;
    this.#zone = zone;
    this.#parts = this.#frame();
    this.element = this.#parts.frame;
  }

  /** The stretch that is shown, or null before there are figures. */
  get view_ms() {
    return this.#view;
  }

  /**
   * Draws until the signal aborts.
   *
   * @param {AbortSignal} signal
   */
  start(signal) {
    const redraw = () => this.#plot?.redraw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw, { signal });
    const sizes = new ResizeObserver(() => this.#resize());
    sizes.observe(this.#parts.canvas);
    signal.addEventListener("abort", () => {
      sizes.disconnect();
      this.#plot?.destroy();
      this.#plot = null;
    });
    loadUPlot().then(
      (uPlot) => {
        if (signal.aborted) return;
        this.#uPlot = uPlot;
        this.#draw();
      },
      () => (this.#parts.unavailable.hidden = false),
    );
  }

  /**
   * Shows other figures. What was zoomed to stays where the range is the same.
   *
   * @param {import("./chart_data.js").Figures} figures
   */
  setFigures(figures) {
    const isSame = this.#figures?.from_ms === figures.from_ms && this.#figures.to_ms === figures.to_ms;
    this.#figures = figures;
    if (!isSame) this.#view = [figures.from_ms, figures.to_ms];
    this.#cursor = null;
    this.#draw();
    this.#drawTexts();
  }

  /** After a change of language. */
  translate() {
    this.#texts.apply(this.element);
    this.#plot?.redraw();
    this.#drawTexts();
  }

  // ---- its parts ----------------------------------------------------------------------------------

  #frame() {
    const button = (name, key, work) => said(this.#texts, "button", key, { type: "button", class: "small", dataset: { chart: name }, onclick: work });
    const canvas = h("div", { class: "chart-plot", role: "slider", tabindex: "0", "aria-describedby": newId("chart-keys"), onkeydown: (event) => this.#pressed(event) });
    const parts = {
      canvas,
      wider: button("out", "chart.zoom_out", () => this.#zoom(1 / ZOOM)),
      closer: button("in", "chart.zoom_in", () => this.#zoom(ZOOM)),
      earlier: button("earlier", "chart.earlier", () => this.#pan(-0.5)),
      later: button("later", "chart.later", () => this.#pan(0.5)),
      whole: button("whole", "chart.whole", () => this.showWhole()),
      readout: h("p", { class: "chart-readout" }),
      legend: h("ul", { class: "legend" }),
      unavailable: said(this.#texts, "p", "chart.unavailable", { class: "notice", role: "alert", hidden: true }),
      keys: said(this.#texts, "p", "chart.keys", { class: "hint", id: canvas.getAttribute("aria-describedby") }),
    };
    const buttons = h("div", { class: "chart-buttons" }, parts.closer, parts.wider, parts.whole, parts.earlier, parts.later);
    parts.frame = h("figure", { class: "chart" }, parts.legend, parts.unavailable, canvas, parts.readout, buttons, parts.keys);
    return parts;
  }

  #drawTexts() {
    if (!this.#figures) return;
    const { isFixed, from_ms, to_ms, points } = this.#figures;
    const entries = LEGEND.map(([swatch, key, fixedKey]) => [swatch, isFixed ? fixedKey : key]).filter(([, key]) => key);
    this.#parts.legend.replaceChildren(...entries.map(([swatch, key]) => h("li", {}, h("i", { dataset: { swatch } }), h("span", {}, this.#texts.t(key)))));
    const { canvas, whole, wider, earlier, later, closer } = this.#parts;
    canvas.setAttribute("aria-label", this.#texts.t("chart.label"));
    const [from, to] = this.#view;
    const isWhole = from === from_ms && to === to_ms;
    this.element.dataset.view = isWhole ? "whole" : "part";
    for (const button of [whole, wider]) button.disabled = isWhole;
    earlier.disabled = from <= from_ms;
    later.disabled = to >= to_ms;
    closer.disabled = to - from <= VIEW_MIN_MS;
    canvas.setAttribute("aria-valuemin", "0");
    canvas.setAttribute("aria-valuemax", String(Math.max(0, points.length - 1)));
    canvas.setAttribute("aria-valuenow", String(this.#cursor ?? 0));
    const text = this.#cursor === null ? this.#texts.t("chart.shown", { span: this.#zone.span(from, to) }) : this.#told(points[this.#cursor].start_ms);
    canvas.setAttribute("aria-valuetext", text);
    setText(this.#parts.readout, text);
  }

  /** What the chart shows of an instant, in words. */
  #told(at_ms) {
    const { point, bought, denied } = knownAt(this.#figures, at_ms);
    const { isFixed } = this.#figures;
    const t = (key, values) => this.#texts.t(key, values);
    const stretch = point ?? denied;
    const time = stretch ? this.#zone.span(stretch.start_ms, stretch.end_ms) : this.#zone.moment(at_ms);
    const { concurrent, contingency, peak } = point ?? {};
    const figures = isFixed ? "chart.at_fixed" : "chart.at";
    return this.#texts.sentences([
      point ? t(figures, { time, concurrent, contingency, peak }) : t("chart.at_none", { time }),
      bought && t(isFixed ? "chart.at_bought_fixed" : "chart.at_bought", { concurrent: bought.concurrent, contingency: bought.contingency }),
      denied && t("chart.at_denied", { users: denied.users, denials: denied.denials, time: this.#zone.span(denied.start_ms, denied.end_ms) }),
    ]);
  }

  // ---- drawing ------------------------------------------------------------------------------------

  #draw() {
    if (!this.#uPlot || !this.#figures) return;
    const columns = columnsOf(this.#figures);
    if (this.#plot) this.#plot.setData(columns, false);
    else this.#plot = new this.#uPlot(this.#options(), columns, this.#parts.canvas);
    this.#showView();
  }

  #showView() {
    const [min, max] = this.#view;
    this.#plot?.setScale("x", { min, max });
    this.#plot?.setCursor(this.#cursor === null ? { left: -10, top: -10 } : this.#cursorPlace(), false);
  }

  #cursorPlace() {
    return { left: this.#plot.valToPos(this.#figures.points[this.#cursor].start_ms, "x"), top: 1 };
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.#parts.canvas;
    if (width > 0 && height > 0) this.#plot?.setSize({ width, height });
  }

  #options() {
    const { canvas } = this.#parts;
    const color = (token) => () => getComputedStyle(canvas).getPropertyValue(token).trim();
    const stepped = this.#uPlot.paths.stepped({ align: 1 });
    const line = (token, width, dash) => ({ stroke: color(token), width, dash, paths: stepped, points: { show: false } });
    const area = (token) => ({ fill: color(token), width: 0, paths: stepped, points: { show: false } });
    const font = `12px ${getComputedStyle(canvas).fontFamily}`;
    const axis = { stroke: color("--ink-soft"), font, ticks: { show: false }, grid: { stroke: color("--line"), width: 1 } };
    return {
      width: canvas.clientWidth,
      height: canvas.clientHeight,
      ms: 1,
      tzDate: (at_ms) => this.#uPlot.tzDate(new Date(at_ms), this.#zone.name),
      legend: { show: false },
      scales: { x: { time: true }, y: { range: () => heights(this.#figures) } },
      // Contingency is what the area of all in use shows above that of the concurrent ones, which covers the rest.
      series: [{}, area("--contingency"), area("--accent"), line("--ink-soft", 1), line("--ink", 2), line("--contingency-ink", 2, [6, 4])],
      axes: [
        { ...axis, space: 72, values: (_, splits) => this.#times(splits) },
        { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000], values: (_, splits) => splits.map((value) => this.#texts.number(Math.abs(value))) },
      ],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false }, bind: { dblclick: () => () => this.showWhole() } },
      hooks: {
        draw: [(plot) => this.#drawDenied(plot, color("--danger")())],
        setSelect: [(plot) => this.#selected(plot)],
        setCursor: [(plot) => this.#hovered(plot)],
      },
    };
  }

  /** Days by their date, what is within them by the time. */
  #times(splits) {
    const areDays = splits.length > 1 && splits[1] - splits[0] >= DAY_MS - 3_600_000;
    let day = null;
    return splits.map((at_ms) => {
      const own = this.#zone.shortDay(at_ms);
      const isNew = own !== day;
      day = own;
      if (areDays) return own;
      return isNew ? `${this.#zone.minute(at_ms)}\n${own}` : this.#zone.minute(at_ms);
    });
  }

  #drawDenied(plot, color) {
    const { ctx, bbox } = plot;
    const x = (at_ms) => Math.min(Math.max(plot.valToPos(at_ms, "x", true), bbox.left), bbox.left + bbox.width);
    const zero = plot.valToPos(0, "y", true);
    ctx.save();
    ctx.fillStyle = color;
    for (const { start_ms, end_ms, users } of this.#figures.denied) {
      const [left, right] = [x(start_ms), x(end_ms)];
      // However far one looks from: whoever was turned away is seen.
      if (right > left) ctx.fillRect(left, zero, Math.max(right - left - 1, 2), plot.valToPos(-users, "y", true) - zero);
    }
    ctx.restore();
  }

  // ---- by mouse -----------------------------------------------------------------------------------

  #selected(plot) {
    const { left, width } = plot.select;
    if (width < 5) return;
    const view = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.#show(view);
  }

  #hovered(plot) {
    const { left } = plot.cursor;
    if (left === undefined || left === null || left < 0 || this.#figures === null) return;
    // Only what is seen follows the mouse; the slider's own value is the keyboard's.
    setText(this.#parts.readout, this.#told(plot.posToVal(left, "x")));
  }

  // ---- by keyboard and buttons --------------------------------------------------------------------

  #pressed(event) {
    if (!this.#figures || event.ctrlKey || event.altKey || event.metaKey) return;
    const work = {
      "+": () => this.#zoom(ZOOM),
      "=": () => this.#zoom(ZOOM),
      "-": () => this.#zoom(1 / ZOOM),
      0: () => this.showWhole(),
      Escape: () => this.showWhole(),
      Home: () => this.#moveTo(this.#firstInView()),
      End: () => this.#moveTo(this.#lastInView()),
    };
    const step = STEPS[event.key];
    if (step === undefined && !Object.hasOwn(work, event.key)) return;
    event.preventDefault();
    if (step === undefined) work[event.key]();
    else this.#moveTo(this.#cursor === null ? this.#firstInView() : this.#cursor + step);
  }

  #firstInView() {
    const { points } = this.#figures;
    const index = indexAt(points, this.#view[0]);
    return points[index]?.start_ms < this.#view[0] && index + 1 < points.length ? index + 1 : index;
  }

  #lastInView() {
    return indexAt(this.#figures.points, this.#view[1] - 1);
  }

  #moveTo(index) {
    const { points } = this.#figures;
    if (points.length === 0) return;
    this.#cursor = Math.min(Math.max(index, 0), points.length - 1);
    const { start_ms } = points[this.#cursor];
    const [from, to] = this.#view;
    const length = to - from;
    if (start_ms < from || start_ms >= to) return this.#show([start_ms - length / 2, start_ms + length / 2]);
    this.#showView();
    this.#drawTexts();
  }

  #zoom(factor) {
    if (!this.#figures) return;
    const [from, to] = this.#view;
    const middle = this.#cursor === null ? (from + to) / 2 : this.#figures.points[this.#cursor].start_ms;
    const length = (to - from) / factor;
    const share = (middle - from) / (to - from);
    this.#show([middle - length * share, middle + length * (1 - share)]);
  }

  #pan(share) {
    const [from, to] = this.#view;
    this.#show([from + (to - from) * share, to + (to - from) * share]);
  }

  /** Back to all that there is. */
  showWhole() {
    if (this.#figures) this.#show([this.#figures.from_ms, this.#figures.to_ms]);
  }

  /** Shows a stretch, moved and cut to what there is. */
  #show([from, to]) {
    const { from_ms, to_ms } = this.#figures;
    const length = Math.min(Math.max(to - from, VIEW_MIN_MS), to_ms - from_ms);
    const start = Math.min(Math.max(from, from_ms), to_ms - length);
    this.#view = [start, start + length];
    this.#showView();
    this.#drawTexts();
    this.dispatchEvent(new Event("view"));
  }
}
