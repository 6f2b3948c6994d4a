/** The wallboard: one card for each licence type that has something bought or held. Draws what `LiveCounts` tells. */

import { groupOf, isConcurrent, rankOf } from "../catalogue.js";
import { closingText } from "../closing.js";

const AGE_EVERY_MS = 1_000;
/** Below this the age of the data says nothing: a pong comes every ten seconds. */
const FRESH_MS = 15_000;

export class Wallboard {
  #texts;
  #live;
  #root;
  #card;
  /** Licence → its card. */
  #cards = new Map();
  /** Licences whose cards are out of date; null means all. */
  #dirty = new Set();
  #frame = null;
  #connection = { state: "connecting" };
  #ageTimer = null;

  constructor({ root, card, texts, live }) {
    this.#root = root;
    this.#card = card;
    this.#texts = texts;
    this.#live = live;
    live.addEventListener("changed", (event) => this.#changed(event.detail.licences));
    live.addEventListener("state", (event) => this.#connectionChanged(event.detail));
  }

  start() {
    this.#forget();
    this.#root.hidden = false;
    this.#ageTimer = setInterval(() => this.#drawConnection(), AGE_EVERY_MS);
    this.#live.start();
    this.#drawConnection();
  }

  /** What another organisation's wallboard left on the page is not ours to show. */
  #forget() {
    for (const cards of this.#root.querySelectorAll(".cards")) cards.replaceChildren();
    for (const figure of this.#root.querySelectorAll("[data-total]")) figure.textContent = "–";
    this.#drawGroups();
  }

  stop() {
    clearInterval(this.#ageTimer);
    cancelAnimationFrame(this.#frame);
    this.#live.stop();
  }

  /** After a change of language. */
  translate() {
    this.#changed(null);
    this.#drawConnection();
  }

  #changed(licences) {
    if (licences === null) this.#dirty = null;
    else for (const licence of licences) this.#dirty?.add(licence);
    // Counts come ten times a second, pages are drawn when somebody looks.
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    const licences = this.#dirty ?? new Set([...this.#live.licences.keys(), ...this.#cards.keys()]);
    this.#dirty = new Set();
    this.#frame = null;
    for (const licence of licences) this.#drawLicence(licence);
    this.#drawGroups();
    if (this.#live.licences.size > 0) this.#drawTotals();
  }

  #drawLicence(licence) {
    const row = this.#live.licences.get(licence);
    if (!row || !isWorthACard(row)) {
      this.#cards.get(licence)?.remove();
      this.#cards.delete(licence);
      return;
    }
    const card = this.#cards.get(licence) ?? this.#newCard(licence);
    fillCard(card, measure(row), this.#texts);
  }

  #newCard(licence) {
    const card = this.#card.content.firstElementChild.cloneNode(true);
    card.dataset.licence = licence;
    this.#cards.set(licence, card);
    const cards = this.#root.querySelector(`[data-group="${groupOf(licence)}"] .cards`);
    const next = [...cards.children].find((other) => rankOf(other.dataset.licence) > rankOf(licence));
    cards.insertBefore(card, next ?? null);
    return card;
  }

  #drawGroups() {
    for (const group of this.#root.querySelectorAll("[data-group]")) {
      group.hidden = group.querySelector(".card") === null;
    }
    const known = this.#live.state === "live";
    this.#root.querySelector("#wallboard-empty").hidden = !known || this.#cards.size > 0;
  }

  #drawTotals() {
    const measures = [...this.#live.licences.values()].filter(isWorthACard).map(measure);
    const sum = (pick) => measures.reduce((total, one) => total + pick(one), 0);
    const totals = {
      held: sum((one) => one.holders),
      contingency: sum((one) => one.contingencyUsed),
      waiting: sum((one) => one.waiting),
      "denied-today": sum((one) => one.deniedToday),
      full: sum((one) => Number(one.status === "full" || one.status === "over")),
    };
    for (const [name, value] of Object.entries(totals)) {
      const figure = this.#root.querySelector(`[data-total="${name}"]`);
      figure.textContent = this.#texts.number(value);
      figure.dataset.some = String(value > 0);
    }
  }

  #connectionChanged(detail) {
    this.#connection = detail;
    this.#drawConnection();
    if (detail.state === "live" || detail.state === "quiet") this.#drawGroups();
  }

  #drawConnection() {
    const { state, code, reason, retry_at_ms } = this.#connection;
    const board = this.#root.querySelector("#live");
    board.dataset.state = state;
    this.#root.dataset.stale = String(state === "reconnecting" || state === "stopped");
    setText(board.querySelector("#live-state"), this.#texts.t(`live.${state}`));
    const parts = [this.#age(state)];
    if (state === "stopped") parts.push(closingText(this.#texts, { code, reason, fate: this.#connection.fate }));
    const seconds = state === "reconnecting" ? Math.ceil((retry_at_ms - performance.now()) / 1000) : 0;
    if (seconds > 0) parts.push(this.#texts.t("wallboard.retry", { seconds }));
    setText(board.querySelector("#live-age"), this.#texts.sentences(parts));
  }

  #age(state) {
    if (this.#live.heardAt_ms === null || state === "connecting") return "";
    const age_ms = performance.now() - this.#live.heardAt_ms;
    if (age_ms < FRESH_MS && state !== "reconnecting" && state !== "stopped") return "";
    return this.#texts.t("wallboard.age", { seconds: Math.floor(age_ms / 1000) });
  }
}

/** The numbers of one row as the card shows them. */
function measure(row) {
  const concurrent = isConcurrent(row.licence);
  const bought = row.concurrent.total + row.contingency.total;
  const fixedTotal = row.fixed?.total ?? 0;
  const over = concurrent ? Math.max(0, row.holders - bought) : 0;
  const one = {
    licence: row.licence,
    concurrent,
    holders: row.holders,
    instances: row.instances,
    used: concurrent ? row.concurrent.used : row.holders,
    total: concurrent ? row.concurrent.total : fixedTotal,
    free: concurrent ? row.concurrent.available : Math.max(0, fixedTotal - row.holders),
    contingencyUsed: row.contingency.used,
    contingencyTotal: row.contingency.total,
    contingencyMax: row.contingency.max_used,
    spare: row.contingency.available,
    over,
    waiting: row.waiting,
    deniedToday: row.denied_today,
  };
  return { ...one, status: statusOf(one) };
}

function statusOf({ concurrent, over, free, spare }) {
  if (!concurrent) return "fixed";
  if (over > 0) return "over";
  if (free > 0) return "free";
  return spare > 0 ? "contingency" : "full";
}

function isWorthACard({ holders, waiting, concurrent, contingency, fixed }) {
  return holders + waiting + concurrent.total + contingency.total + (fixed?.total ?? 0) > 0;
}

function fillCard(card, one, texts) {
  texts.apply(card);
  card.dataset.status = one.status;
  const fields = {
    used: one.used,
    total: one.total,
    "contingency-used": one.contingencyUsed,
    "contingency-total": one.contingencyTotal,
    "contingency-max": one.contingencyMax,
    "over-allocated": one.over,
    waiting: one.waiting,
    "denied-today": one.deniedToday,
    instances: one.instances,
  };
  for (const [name, value] of Object.entries(fields)) {
    const element = card.querySelector(`[data-field="${name}"]`);
    setText(element, texts.number(value));
    element.dataset.some = String(value > 0);
  }
  setText(card.querySelector('[data-field="name"]'), texts.word("licence", one.licence));
  setText(card.querySelector('[data-field="status"]'), statusText(one, texts));
  setText(card.querySelector('[data-field="unit"]'), texts.t(one.concurrent ? "card.in_use" : "card.logged_in"));
  card.querySelector('[data-part="total"]').hidden = one.total === 0 && !one.concurrent;
  card.querySelector('[data-part="over"]').hidden = one.over === 0;
  for (const part of card.querySelectorAll('[data-part="contingency"]')) {
    part.hidden = one.contingencyTotal === 0 && one.contingencyMax === 0;
  }
  fillBar(card.querySelector(".bar"), one, texts);
}

function fillBar(bar, one, texts) {
  const shares = {
    concurrent: one.used,
    free: one.free,
    contingency: one.contingencyUsed,
    spare: one.spare,
    over: one.over,
  };
  bar.hidden = one.total === 0 && !one.concurrent;
  for (const [segment, share] of Object.entries(shares)) {
    const element = bar.querySelector(`[data-segment="${segment}"]`);
    element.style.setProperty("flex-grow", String(share));
    element.hidden = share === 0;
  }
  bar.setAttribute("aria-label", texts.t("card.bar", {
    used: one.used,
    total: one.total,
    contingency: one.contingencyUsed,
    contingency_total: one.contingencyTotal,
    over: one.over,
  }));
}

function statusText(one, texts) {
  switch (one.status) {
    case "free":
      return texts.t("card.status_free", { count: one.free });
    case "contingency":
      return texts.t("card.status_contingency", { count: one.spare });
    case "full":
      return texts.t("card.status_full");
    case "over":
      return texts.t("card.status_over", { count: one.over });
    case "fixed":
      return texts.t("card.status_fixed");
  }
}

/** Only what changed is written: screen readers and painting both thank for it. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
