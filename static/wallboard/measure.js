/** What a tile shows of a licence type: its numbers, how they stand, and how loud that is to be said. */

import { isConcurrent } from "../catalogue.js";

/**
 * One licence type as its tile shows it.
 * @typedef {{licence: string, status: "free"|"contingency"|"full"|"over"|"fixed"|"figures"|"unknown",
 *   level: "calm"|"warn"|"alarm", concurrent: boolean, holders: number, used: number, total: number, free: number,
 *   contingencyUsed: number, contingencyTotal: number, contingencyMax: number, spare: number, over: number,
 *   waiting: number, deniedToday: number}} Measure
 */

const NOTHING = Object.freeze({
  concurrent: true,
  holders: 0,
  used: 0,
  total: 0,
  free: 0,
  contingencyUsed: 0,
  contingencyTotal: 0,
  contingencyMax: 0,
  spare: 0,
  over: 0,
  waiting: 0,
  deniedToday: 0,
});

/**
 * Measures a row of live counts.
 * @param {object} row as the contract shapes it
 * @param {{warn_percent: number, alarm_percent: number}} thresholds shares of all that was bought
 * @returns {Measure}
 */
export function measureCounts(row, thresholds) {
  const concurrent = isConcurrent(row.licence);
  const bought = row.concurrent.total + row.contingency.total;
  const one = {
    licence: row.licence,
    concurrent,
    holders: row.holders,
    used: concurrent ? row.concurrent.used : row.holders,
    total: row.concurrent.total,
    free: row.concurrent.available,
    contingencyUsed: row.contingency.used,
    contingencyTotal: row.contingency.total,
    contingencyMax: row.contingency.max_used,
    spare: row.contingency.available,
    over: concurrent ? Math.max(0, row.holders - bought) : 0,
    waiting: row.waiting,
    deniedToday: row.denied_today,
  };
  const status = statusOf(one);
  return { ...one, status, level: levelOf(status, (100 * one.holders) / bought, thresholds) };
}

/**
 * Measures a row of five-minute figures, which say nothing of what was bought.
 * @param {{licence: string, concurrent: number, contingency: number}} row
 * @returns {Measure}
 */
export function measureFigures({ licence, concurrent, contingency }) {
  const holders = concurrent + contingency;
  const level = contingency > 0 ? "warn" : "calm";
  return { ...NOTHING, licence, holders, used: concurrent, contingencyUsed: contingency, status: "figures", level };
}

/**
 * What there is of a type that the address names and the broker does not.
 * @param {string} licence
 * @returns {Measure}
 */
export function measureUnknown(licence) {
  return { ...NOTHING, licence, status: "unknown", level: "calm" };
}

/**
 * Whether a row of live counts is worth a tile where the address chooses none: something was bought, or is held.
 * @param {object} row
 * @returns {boolean}
 */
export function isWorthATile({ holders, waiting, concurrent, contingency }) {
  return holders + waiting + concurrent.total + contingency.total > 0;
}

function statusOf({ concurrent, over, free, spare }) {
  if (!concurrent) return "fixed";
  if (over > 0) return "over";
  if (free > 0) return "free";
  return spare > 0 ? "contingency" : "full";
}

/** A contingency licence costs a month's fee: its use is never calm, whatever the thresholds. */
function levelOf(status, percent, { warn_percent, alarm_percent }) {
  if (status === "fixed") return "calm";
  if (status === "full" || status === "over" || percent >= alarm_percent) return "alarm";
  return status === "contingency" || percent >= warn_percent ? "warn" : "calm";
}
