/** What is held now, turned so that one finds it: by user, by session. Knows no page. */

/**
 * @typedef {Object} Session as the API gives it
 * @property {string} session
 * @property {string} user
 * @property {string} device
 * @property {string} since
 * @property {"connected"|"lingering"} state
 * @property {string} address
 * @property {Array<{licence: string, pool: string, since: string}>} licences
 * @property {string[]} waiting
 */

const earliest = (instants) => instants.reduce((first, instant) => (instant < first ? instant : first));

/**
 * One row for each user, whoever has been there longest first.
 *
 * @param {Session[]} sessions
 * @returns {Array<{user: string, since: string, sessions: Session[], licences: Array, waiting: string[]}>}
 */
export function byUser(sessions) {
  const users = Map.groupBy(sessions, ({ user }) => user);
  return [...users].map(([user, own]) => ({
    user,
    sessions: own,
    since: earliest(own.map(({ since }) => since)),
    licences: merged(own),
    waiting: [...new Set(own.flatMap(({ waiting }) => waiting))],
  }));
}

/** A type that is held on two devices is held once. */
function merged(sessions) {
  const types = Map.groupBy(sessions.flatMap(({ licences }) => licences), ({ licence }) => licence);
  return [...types].map(([licence, [first, ...others]]) => ({
    licence, pool: first.pool, since: earliest([first, ...others].map(({ since }) => since)),
  }));
}

/**
 * @param {{user: string}} row
 * @param {string} query a part of the user's name, in any case
 */
export function isOf({ user }, query) {
  return user.toLowerCase().includes(query.trim().toLowerCase());
}

/** Whether a session or user holds a type or waits for it; every one does where none is asked for. */
export function has({ licences, waiting }, licence) {
  return licence === "" || licences.some((held) => held.licence === licence) || waiting.includes(licence);
}

/** How far back to look for the latest denials: the list is oldest first, and may be long. */
const WINDOWS_MS = Object.freeze([5 * 60_000, 3_600_000, 86_400_000, 7 * 86_400_000]);
const READ_MAX = 20_000;

/**
 * The latest denials, the last one first.
 *
 * @param {import("../../console/api.js").Api} api
 * @param {Object} filter of the API
 * @param {{wanted: number, signal: AbortSignal, now_ms?: number}} options
 * @returns {Promise<Array>}
 */
export async function latestDenials(api, filter, { wanted, signal, now_ms = Date.now() }) {
  let items = [];
  for (const window_ms of WINDOWS_MS) {
    const from = new Date(now_ms - window_ms).toISOString();
    ({ items } = await api.all("denials", { ...filter, from }, { signal, items_max: READ_MAX }));
    if (items.length >= wanted) break;
  }
  // They have no name of their own; what happened earlier stays the same row.
  return items.slice(-wanted).reverse().map((denial, index, { length }) => ({ ...denial, number: `${denial.at} ${length - index}` }));
}
