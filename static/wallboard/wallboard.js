/** The wallboard: one tile for each licence type, as large as the screen allows. Draws what `LiveCounts` tells. */

import { rankOf } from "../catalogue.js";
import { figureSize, fit } from "./fit.js";
import { isWorthATile, measureCounts, measureFigures, measureUnknown } from "./measure.js";
import { Pager } from "./pager.js";
import { fillTile, newTile, statusText, widthOfFigure } from "./tile.js";

/** Screen readers hear what became scarce, no oftener than this. */
const NEWS_EVERY_MS = 10_000;

export class Wallboard {
  #root;
  #tiles;
  #template;
  #texts;
  #live;
  #settings;
  #pager;
  #frame = null;
  /** Licence → its tile. */
  #tileOf = new Map();
  /** Licences in alarm, as last drawn; null before the first drawing. */
  #alarms = null;
  #newsAt_ms = -Infinity;
  /** The widest figure, in multiples of its size. */
  #widest_em = 1;

  /**
   * @param {{root: HTMLElement, pager: HTMLElement, template: HTMLTemplateElement, texts: import("../i18n.js").Texts,
   *   live: import("../live.js").LiveCounts, settings: object}} parts `settings`: as `readAddress` gives them
   */
  constructor({ root, pager, template, texts, live, settings }) {
    this.#root = root;
    this.#tiles = root.querySelector("#tiles");
    this.#template = template;
    this.#texts = texts;
    this.#live = live;
    this.#settings = settings;
    const every_ms = settings.page_s * 1000;
    this.#pager = new Pager({ root: pager, texts, every_ms, turned: () => this.#arrange() });
  }

  /** Shows what there is, and what comes, until the signal. */
  start(signal) {
    this.#tiles.replaceChildren(); // what another organisation's wallboard left is not ours to show
    this.#root.hidden = false;
    this.#live.addEventListener("changed", () => this.#drawSoon(), { signal });
    this.#live.addEventListener("state", () => this.#drawSoon(), { signal });
    const sizes = new ResizeObserver(() => this.#arrange());
    sizes.observe(this.#tiles);
    signal.addEventListener("abort", () => {
      sizes.disconnect();
      cancelAnimationFrame(this.#frame);
    });
    this.#pager.start(signal);
    this.#draw();
  }

  /** After a change of language. */
  translate() {
    this.#pager.translate();
    this.#drawSoon();
  }

  /** Counts come ten times a second, pages are drawn when somebody looks. */
  #drawSoon() {
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = null;
    const measures = this.#measures();
    this.#keepTilesOf(measures);
    for (const one of measures) fillTile(this.#tileOf.get(one.licence), one, this.#texts);
    this.#widest_em = Math.max(1, ...measures.map(widthOfFigure));
    const isKnown = this.#live.kind !== null;
    this.#root.querySelector("#wallboard-empty").hidden = !isKnown || measures.length > 0;
    this.#drawTotals(measures);
    this.#arrange();
    if (isKnown) this.#tellNews(measures);
  }

  /** What is shown, in order: as the address chose, else everything of worth in the catalogue's order. */
  #measures() {
    const { kind, figures, licences: counts } = this.#live;
    if (kind === null) return [];
    const isFigures = kind === "figures";
    const rows = isFigures ? figures.licences : counts;
    const measure = (row) => (isFigures ? measureFigures(row) : measureCounts(row, this.#settings));
    const chosen = this.#settings.licences;
    if (chosen) return chosen.map((key) => (rows.has(key) ? measure(rows.get(key)) : measureUnknown(key)));
    const shown = [...rows.values()].filter((row) => isFigures || isWorthATile(row));
    return shown.sort((one, other) => rankOf(one.licence) - rankOf(other.licence)).map(measure);
  }

  #keepTilesOf(measures) {
    const wanted = new Set(measures.map((one) => one.licence));
    for (const [licence, tile] of this.#tileOf) {
      if (wanted.has(licence)) continue;
      tile.remove();
      this.#tileOf.delete(licence);
    }
    measures.forEach(({ licence }, place) => {
      const tile = this.#tileOf.get(licence) ?? newTile(this.#template, licence);
      this.#tileOf.set(licence, tile);
      if (this.#tiles.children[place] !== tile) this.#tiles.insertBefore(tile, this.#tiles.children[place] ?? null);
    });
  }

  #drawTotals(measures) {
    const counted = measures.filter((one) => one.status !== "unknown");
    const sum = (pick) => counted.reduce((total, one) => total + pick(one), 0);
    const totals = {
      held: sum((one) => one.holders),
      contingency: sum((one) => one.contingencyUsed),
      waiting: sum((one) => one.waiting),
      "denied-today": sum((one) => one.deniedToday),
      full: sum((one) => Number(one.status === "full" || one.status === "over")),
    };
    this.#root.querySelector("#totals").hidden = this.#live.kind === "figures";
    if (this.#live.kind !== "counts") return;
    for (const [name, value] of Object.entries(totals)) {
      const figure = this.#root.querySelector(`[data-total="${name}"]`);
      figure.textContent = this.#texts.number(value);
      figure.dataset.some = String(value > 0);
    }
  }

  /** Lays the tiles out anew: the screen, their number or the page may have changed. */
  #arrange() {
    const { clientWidth: width_px, clientHeight: height_px } = this.#tiles;
    const screen_px = Math.min(innerWidth, innerHeight);
    const tiles = [...this.#tiles.children];
    const layout = fit({ width_px, height_px, screen_px, count: tiles.length });
    this.#pager.setPages(layout.pages);
    const first = this.#pager.page * layout.per_page;
    tiles.forEach((tile, place) => {
      tile.hidden = place < first || place >= first + layout.per_page;
    });
    this.#tiles.style.setProperty("--columns", String(layout.columns));
    this.#tiles.style.setProperty("--rows", String(layout.rows));
    this.#tiles.style.setProperty("--tile-text", `${layout.text_px.toFixed(2)}px`);
    const figure_em = figureSize({ ...layout, height_px, widest_em: this.#widest_em });
    this.#tiles.style.setProperty("--figure", `${figure_em.toFixed(2)}em`);
  }

  #tellNews(measures) {
    const alarms = new Set(measures.filter((one) => one.level === "alarm").map((one) => one.licence));
    const before = this.#alarms;
    const isTooSoon = performance.now() - this.#newsAt_ms < NEWS_EVERY_MS;
    const news = before && measures.filter(({ licence }) => before.has(licence) !== alarms.has(licence));
    if (before && (news.length === 0 || isTooSoon)) return;
    this.#alarms = alarms;
    if (!before) return;
    this.#newsAt_ms = performance.now();
    const tell = (one) => `${this.#texts.word("licence", one.licence)}: ${statusText(one, this.#texts)}`;
    this.#root.querySelector("#board-news").textContent = news.map(tell).join("; ");
  }
}
