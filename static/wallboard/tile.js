/** One tile: a licence type, large. Made from the page's template, filled with what was measured. */

import { setText } from "../ui/dom.js";

/**
 * A new tile.
 * @param {HTMLTemplateElement} template
 * @param {string} licence
 * @returns {HTMLElement}
 */
export function newTile(template, licence) {
  const tile = template.content.firstElementChild.cloneNode(true);
  tile.dataset.licence = licence;
  return tile;
}

/**
 * Fills a tile. Only what changed is written.
 * @param {HTMLElement} tile
 * @param {import("./measure.js").Measure} one
 * @param {import("../i18n.js").Texts} texts
 */
export function fillTile(tile, one, texts) {
  texts.apply(tile);
  tile.dataset.status = one.status;
  tile.dataset.level = one.level;
  for (const [name, value] of Object.entries(numbersOf(one))) {
    const element = tile.querySelector(`[data-field="${name}"]`);
    setText(element, texts.number(value));
    element.dataset.some = String(value > 0);
  }
  setText(tile.querySelector('[data-field="name"]'), texts.word("licence", one.licence));
  setText(tile.querySelector('[data-field="status"]'), statusText(one, texts));
  showParts(tile, one);
  fillBar(tile.querySelector(".bar"), one, texts);
}

/** The widths of a digit of the figure, and of one of what it is of, in multiples of the figure's size. */
const DIGIT_EM = 0.66;
const DIGIT_OF_EM = 0.33;

/**
 * How wide the figure of a licence type is, in multiples of its size.
 * @param {import("./measure.js").Measure} one
 * @returns {number}
 */
export function widthOfFigure({ used, total, concurrent, status }) {
  const digits = (number) => String(number).length;
  const hasTotal = concurrent && status !== "figures" && status !== "unknown";
  return DIGIT_EM * digits(used) + (hasTotal ? DIGIT_OF_EM * (digits(total) + 1) : 0);
}

/**
 * How a licence type stands, in words.
 * @param {import("./measure.js").Measure} one
 * @param {import("../i18n.js").Texts} texts
 * @returns {string}
 */
export function statusText(one, texts) {
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
    case "figures":
      return texts.t("card.status_figures");
    case "unknown":
      return texts.t("card.status_unknown");
  }
}

const numbersOf = (one) => ({
  used: one.used,
  total: one.total,
  "contingency-used": one.contingencyUsed,
  "contingency-total": one.contingencyTotal,
  "contingency-max": one.contingencyMax,
  waiting: one.waiting,
  "denied-today": one.deniedToday,
});

function showParts(tile, one) {
  const counts = one.status !== "figures" && one.status !== "unknown";
  const hide = (part, hidden) => {
    for (const element of tile.querySelectorAll(`[data-part="${part}"]`)) element.hidden = hidden;
  };
  hide("figure", one.status === "unknown");
  hide("total", !counts || !one.concurrent);
  hide("counts", !counts);
  const hasContingency = one.contingencyTotal + one.contingencyMax + one.contingencyUsed > 0;
  hide("contingency", !hasContingency);
  hide("contingency-total", !counts);
  hide("contingency-max", !counts || !hasContingency);
}

function fillBar(bar, one, texts) {
  const shares = {
    concurrent: one.used,
    free: one.free,
    contingency: one.contingencyUsed,
    spare: one.spare,
    over: one.over,
  };
  bar.hidden = !one.concurrent || one.status === "figures" || one.status === "unknown";
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
