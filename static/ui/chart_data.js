/** What the chart of figures draws, worked out without drawing anything. */

/**
 * @typedef {Object} Point figures of one stretch
 * @property {number} start_ms
 * @property {number} end_ms
 * @property {number} concurrent
 * @property {number} contingency
 * @property {number} peak the most of both at once
 *
 * @typedef {Object} Bought what was bought from an instant on
 * @property {number} since_ms
 * @property {number} concurrent
 * @property {number} contingency
 *
 * @typedef {Object} Denied who was turned away within a stretch
 * @property {number} start_ms
 * @property {number} end_ms
 * @property {number} users
 * @property {number} denials
 *
 * @typedef {Object} Figures
 * @property {Point[]} points by time
 * @property {Bought[]} bought by time
 * @property {Denied[]} denied by time
 * @property {number} from_ms
 * @property {number} to_ms
 * @property {number} until_ms what was bought is known up to here
 * @property {boolean} isFixed whether seats are fixed: nobody shares one
 */

/**
 * Columns over common instants, as the chart library wants them: the instants, in use, concurrent of it, peak,
 * concurrent bought, all bought. Values stand from their instant to the next; null where there are none.
 *
 * @param {Figures} figures
 * @returns {Array<Array<number|null>>}
 */
export function columnsOf({ points, bought, from_ms, to_ms, until_ms }) {
  const at = instants(points, bought, from_ms, to_ms, until_ms);
  const columns = [at, [], [], [], [], []];
  let point = 0;
  let step = -1;
  for (const now of at) {
    while (points[point + 1]?.start_ms <= now) point += 1;
    while (bought[step + 1]?.since_ms <= now) step += 1;
    const { start_ms, end_ms, concurrent, contingency, peak } = points[point] ?? {};
    const is = start_ms <= now && now <= end_ms;
    const total = now <= until_ms ? bought[step] : undefined;
    columns[1].push(is ? concurrent + contingency : null);
    columns[2].push(is ? concurrent : null);
    columns[3].push(is ? peak : null);
    columns[4].push(total?.concurrent ?? null);
    columns[5].push(total ? total.concurrent + total.contingency : null);
  }
  return columns;
}

/** A stretch behind which nothing was recorded ends with its own value, and with none a moment later. */
function instants(points, bought, from_ms, to_ms, until_ms) {
  const at = new Set([from_ms, Math.min(Math.max(until_ms, from_ms), to_ms), to_ms]);
  points.forEach(({ start_ms, end_ms }, index) => {
    at.add(start_ms);
    if (points[index + 1]?.start_ms !== end_ms) at.add(end_ms).add(end_ms + 1);
  });
  for (const { since_ms } of bought) if (since_ms > from_ms && since_ms < to_ms) at.add(since_ms);
  return [...at].sort((one, other) => one - other);
}

/**
 * How high the chart must be, and how deep: who was turned away hangs below the line.
 *
 * @param {Figures} figures
 * @returns {[number, number]}
 */
export function heights({ points, bought, denied }) {
  const highest = (list, value) => list.reduce((most, one) => Math.max(most, value(one)), 0);
  const above = Math.max(highest(points, (point) => point.peak), highest(bought, (one) => one.concurrent + one.contingency), 1);
  const below = highest(denied, (one) => one.users);
  return [-below * 1.15, above * 1.08];
}

/**
 * What is known of an instant.
 *
 * @param {Figures} figures
 * @param {number} at_ms
 * @returns {{point: Point|undefined, bought: Bought|undefined, denied: Denied|undefined}}
 */
export function knownAt({ points, bought, denied, until_ms }, at_ms) {
  const within = (one) => one.start_ms <= at_ms && at_ms < one.end_ms;
  const total = at_ms <= until_ms ? bought.findLast((one) => one.since_ms <= at_ms) : undefined;
  const point = points[indexAt(points, at_ms)];
  return { point: point && within(point) ? point : undefined, bought: total, denied: denied.find(within) };
}

/**
 * The position of the last point that began by then; the first, if none did.
 *
 * @param {Point[]} points
 * @param {number} at_ms
 * @returns {number}
 */
export function indexAt(points, at_ms) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].start_ms <= at_ms) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
