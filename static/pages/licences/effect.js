/** What a change of what was bought would do, reckoned as the broker does it (SPEC §4, Counting). Knows no page. */

/**
 * How so many holders fall on what was bought.
 *
 * @param {number} holders
 * @param {{concurrent: number, contingency: number}} totals
 * @returns {{concurrent: number, contingency: number, over: number}}
 */
export function split(holders, { concurrent, contingency }) {
  const first = Math.min(holders, concurrent);
  const second = Math.min(holders - first, contingency);
  return { concurrent: first, contingency: second, over: holders - first - second };
}

/** In which pool the holder of a rank is, 0 being whoever became one first. */
function poolOf(rank, { concurrent, contingency }) {
  if (rank < concurrent) return "concurrent";
  return rank < concurrent + contingency ? "contingency" : "over_allocated";
}

/**
 * Whose pool becomes another.
 *
 * @param {Array<{user: string}>} holders in the order in which they became holders
 * @param {{concurrent: number, contingency: number}} before
 * @param {{concurrent: number, contingency: number}} after
 * @returns {Array<{user: string, from: string, to: string}>}
 */
export function moves(holders, before, after) {
  const all = holders.map(({ user }, rank) => ({ user, from: poolOf(rank, before), to: poolOf(rank, after) }));
  return all.filter(({ from, to }) => from !== to);
}

/**
 * The numbers of a concurrent type before and after.
 *
 * @param {import("../../ui/bar.js").LicenceRow & {waiting: number}} row as it is now
 * @param {{concurrent: number, contingency: number}} totals as they would be
 * @returns {{holders: number, before: Object, after: Object, served: number}} `served`: how many of those who wait would
 *   get one at once, at most
 */
export function effect(row, totals) {
  const before = { concurrent: row.concurrent.used, contingency: row.contingency.used, over: row.over_allocated };
  const holders = before.concurrent + before.contingency + before.over;
  const free = totals.concurrent + totals.contingency - holders;
  return { holders, before, after: split(holders, totals), served: Math.max(0, Math.min(row.waiting, free)) };
}

/** Base licences that are bound: the total cannot fall below them. */
export const baseBound = ({ base }) => Math.min(base.used - base.reusable, base.total);

/** Fixed seats that are assigned: the total cannot fall below them. */
export const fixedBound = ({ fixed }) => Math.min(fixed.used, fixed.total);
