/** Advice: what was needed, what would have been enough for it, and which mix would have cost least. */

import { isAbort } from "../../console/api.js";
import { h, said, setText } from "../../ui/dom.js";
import { explain } from "../../ui/form.js";
import { Table } from "../../ui/table.js";
import { isSameMoney, money } from "./money.js";

/** Over what people ask; `year` is what the broker takes by itself. */
const RANGES = Object.freeze(["last_week", "this_month", "last_month", "year"]);

/** A section with a sentence or three for each licence type. */
export class Advice {
  #context;
  #zone;
  #items = null;
  #error = null;
  #asking = null;
  #signal = null;
  #select;
  #list;
  #trouble;
  #state;

  element;

  /** @param {Object} context of the page @param {import("../../ui/zone.js").Zone} zone */
  constructor(context, zone) {
    this.#context = context;
    this.#zone = zone;
    const { texts } = context;
    const id = "billing-advice-title";
    this.#select = h("select", { id: "billing-advice-range", onchange: () => this.#load() });
    this.#fillRanges();
    this.#select.value = "year";
    this.#trouble = h("p", { class: "notice", role: "alert", hidden: true });
    this.#state = h("p", { class: "hint", role: "status" });
    this.#list = h("div", { class: "advice" });
    this.element = h("section", { class: "panel part", id: "billing-advice", "aria-labelledby": id },
      said(texts, "h2", "billing.advice", { id }), said(texts, "p", "billing.advice_about", { class: "hint" }),
      h("div", { class: "filters" }, h("label", { class: "field" }, said(texts, "span", "billing.advice_range"), this.#select)),
      this.#trouble, this.#state, this.#list);
  }

  async start(signal) {
    this.#signal = signal;
    await this.#load();
  }

  translate() {
    this.#fillRanges();
    this.#draw();
  }

  #fillRanges() {
    const chosen = this.#select.value;
    const { texts } = this.#context;
    const name = (range) => (range === "year" ? texts.t("billing.advice_year") : texts.word("stretch", range));
    this.#select.replaceChildren(...RANGES.map((range) => h("option", { value: range }, name(range))));
    if (chosen) this.#select.value = chosen;
  }

  async #load() {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.#error = null;
    try {
      this.#items = (await this.#context.api.get(
        "advice", this.#range(), { signal: AbortSignal.any([asking.signal, this.#signal]) },
      )).items;
    } catch (error) {
      if (isAbort(error)) return;
      this.#items = null;
      this.#error = error;
    }
    this.#draw();
  }

  #range() {
    if (this.#select.value === "year") return {};
    const { from_ms, to_ms } = this.#zone.named(this.#select.value, Date.now());
    return { from: new Date(from_ms).toISOString(), to: new Date(to_ms).toISOString() };
  }

  // ---- in words -----------------------------------------------------------------------------------

  #draw() {
    const { texts } = this.#context;
    this.#trouble.hidden = this.#error === null;
    setText(this.#trouble, this.#error ? explain(texts, this.#error) : "");
    const needed = (this.#items ?? []).filter((item) => peakOf(item) !== null);
    const idle = (this.#items ?? []).filter((item) => peakOf(item) === null);
    const isUnpriced = needed.some(({ advice }) => advice.cost === null);
    const state = needed.length === 0 ? "billing.advice_none" : isUnpriced ? "billing.advice_no_price" : null;
    setText(this.#state, this.#items && state ? texts.t(state) : "");
    this.#list.replaceChildren(...needed.map((item) => this.#item(item)), ...(idle.length > 0 ? [this.#idle(idle)] : []));
  }

  #item(item) {
    const { texts } = this.#context;
    const name = texts.word("licence", item.licence);
    return h("article", { class: "advice-item", dataset: { licence: item.licence, isenough: String(isEnough(item)) } },
      h("h3", {}, name), h("p", {}, texts.sentences(this.#sentences(item))), item.candidates.length > 1 && this.#candidates(item, name));
  }

  #sentences(item) {
    const { texts, organisation } = this.#context;
    const { bought, advice } = item;
    const peak = peakOf(item);
    return [
      texts.t("billing.advice_peak", { count: peak.demand_peak, time: texts.zoned(peak.at, organisation.time_zone) }),
      texts.t(isEnough(item) ? "billing.advice_bought" : "billing.advice_too_few", bought),
      ...(advice.cost === null ? this.#withoutPrices(item) : this.#withPrices(item)),
    ];
  }

  #withoutPrices({ advice }) {
    const { texts } = this.#context;
    return [texts.t("billing.advice_enough", mixOf(advice))];
  }

  #withPrices({ advice, bought, current_cost: current }) {
    const { texts } = this.#context;
    const isSame = advice.concurrent === bought.concurrent && advice.contingency === bought.contingency;
    if (isSame) return [texts.t("billing.advice_best", { cost: money(advice.cost, texts) })];
    const cheapest = texts.t("billing.advice_cheapest", { ...mixOf(advice), cost: money(advice.cost, texts) });
    if (current === null) return [cheapest];
    const isCheap = isSameMoney(current, advice.cost);
    return [
      cheapest,
      isCheap ? texts.t("billing.advice_same") : texts.t("billing.advice_current", { cost: money(current, texts) }),
    ];
  }

  #idle(items) {
    const { texts } = this.#context;
    const names = items.map(({ licence }) => texts.word("licence", licence)).join(texts.t("changes.between"));
    return h("p", { class: "hint", id: "billing-advice-idle" }, texts.t("billing.advice_idle", { licences: names }));
  }

  /** What each mix would have cost, for whoever wants to see the calculation. */
  #candidates(item, name) {
    const { texts } = this.#context;
    const count = (key, label) => ({ key, label, kind: "number", value: (mix) => mix[key] });
    const table = new Table({
      texts,
      caption: () => name,
      isCaptionHidden: true,
      empty: "billing.advice_none",
      rows: item.candidates,
      rowKey: ({ concurrent }) => concurrent,
      columns: [
        count("concurrent", "billing.concurrent"), count("contingency", "billing.contingency"),
        { key: "cost", label: "billing.amount", kind: "number", value: ({ cost }) => cost, cell: ({ cost }) => money(cost, texts) },
      ],
    });
    return h("details", {}, h("summary", {}, texts.t("billing.advice_calculation")), table.element);
  }
}

const mixOf = ({ concurrent, contingency }) => ({ concurrent, contingency });

/** The month that needed most; null where nothing was needed. */
function peakOf({ months }) {
  const [first] = months.toSorted((one, other) => other.demand_peak - one.demand_peak);
  return first && first.demand_peak > 0 ? first : null;
}

const isEnough = ({ bought, months }) => months.every(({ demand_peak: peak }) => peak <= bought.concurrent + bought.contingency);
