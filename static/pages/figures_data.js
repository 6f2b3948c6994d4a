/** What the page of figures asks the broker for, and in what steps. */

/** Steps in which figures are kept or summed up, the finest first, and the longest range that each is fit to draw. */
export const INTERVALS = Object.freeze([
  { name: "5m", days_max: 32 },
  { name: "1h", days_max: 400 },
  { name: "1d", days_max: Infinity },
]);

/** More than a month of five minutes; what is beyond is not read. */
const POINTS_MAX = 10_000;

/** The longest range over which the broker says how many would have been enough. */
const DEMAND_DAYS_MAX = 366;

const DAY_MS = 86_400_000;

/**
 * @param {number} from_ms
 * @param {number} to_ms
 * @returns {string} the finest step in which a chart of the range is still quick
 */
export function intervalOf(from_ms, to_ms) {
  return INTERVALS.find(({ days_max }) => to_ms - from_ms <= days_max * DAY_MS).name;
}

/**
 * Everything about one type in a range.
 *
 * @param {import("../console/api.js").Api} api
 * @param {{licence: string, from_ms: number, to_ms: number, interval: string}} wanted
 * @param {AbortSignal} signal
 * @returns {Promise<Object>} `points`, `denied` and `bought` as the chart takes them; whether they are all there
 */
export async function readFigures(api, { licence, from_ms, to_ms, interval }, signal) {
  const query = { licence, ...rangeOf(from_ms, to_ms) };
  const lists = [
    api.all("organisation-licence-usage", { ...query, interval }, { signal, items_max: POINTS_MAX }),
    api.all("denied-demand", { ...query, interval: interval === "1d" ? "1d" : "1h" }, { signal, items_max: POINTS_MAX }),
    api.get(`licences/${encodeURIComponent(licence)}/bought`, rangeOf(from_ms, to_ms), { signal }),
  ];
  const [figures, denied, bought] = await Promise.all(lists);
  return {
    points: figures.items.map(interval === "5m" ? pointOfRecord : pointOfMetrics),
    denied: denied.items.map((row) => ({ ...stretch(row), users: row.users, denials: row.denials })),
    bought: bought.items.map(({ since, ...totals }) => ({ ...totals, since_ms: Date.parse(since) })),
    isWhole: figures.isWhole && denied.isWhole,
  };
}

/**
 * What was in use of every type over a whole range, and how many would have been enough.
 *
 * @param {import("../console/api.js").Api} api
 * @param {{from_ms: number, to_ms: number}} range
 * @param {AbortSignal} signal
 * @returns {Promise<{metrics: Object[], demand: Map<string, Object>|null, demandError: Error|null}>} no demand of a
 *   range that is too long, nor where the broker has no time for it now: the figures are shown all the same
 */
export async function readSummary(api, { from_ms, to_ms }, signal) {
  const query = rangeOf(from_ms, to_ms);
  const isJudged = to_ms - from_ms <= DEMAND_DAYS_MAX * DAY_MS;
  const [metrics, demand] = await Promise.all([
    api.all("organisation-licence-usage", { ...query, metrics: "avg,highest,lowest" }, { signal }),
    isJudged ? api.get("demand", query, { signal }).catch((error) => ({ error: busyOnly(error) })) : { items: null },
  ]);
  const { items, error = null } = demand;
  return { metrics: metrics.items, demand: items && new Map(items.map((row) => [row.licence, row])), demandError: error };
}

/** Few of these are worked out at once; whatever else goes wrong concerns the whole page. */
function busyOnly(error) {
  if (error.status !== 503) throw error;
  return error;
}

/**
 * @param {number} from_ms
 * @param {number} to_ms
 * @returns {{from: string, to: string}} as the API takes it
 */
export function rangeOf(from_ms, to_ms) {
  return { from: new Date(from_ms).toISOString(), to: new Date(to_ms).toISOString() };
}

const stretch = ({ start, end }) => ({ start_ms: Date.parse(start), end_ms: Date.parse(end) });

function pointOfRecord(row) {
  const { concurrent, contingency, concurrent_peak, contingency_peak } = row;
  return { ...stretch(row), concurrent, contingency, peak: concurrent_peak + contingency_peak };
}

/** Contingency is in use only while every concurrent licence is: the highest of both came together. */
function pointOfMetrics(row) {
  const { concurrent, contingency } = row;
  return { ...stretch(row), concurrent: concurrent.avg, contingency: contingency.avg, peak: concurrent.highest + contingency.highest };
}
