/** The pages of the console: what tests, the menu and the router go by. */

/**
 * What every page is made with. A page is a class with `static titleKey` and `static roles`, as they stand below; with
 * `element`, a section that its `h1` names; with `start(signal)`, which reads, draws and follows until the signal is
 * aborted; with `translate()` for a change of language; and, if its parameters may change while it is open, `update(params)`:
 * without that it is made anew.
 *
 * @typedef {Object} PageContext
 * @property {import("../i18n.js").Texts} texts
 * @property {import("./api.js").Api} api
 * @property {{id: number, name: string, time_zone: string}} organisation that of the API; supervisors have no more than these
 * @property {"supervisor"|"admin"|"operator"} role
 * @property {URLSearchParams} params of the address
 * @property {function(string, Object=, {replace: boolean}=): void} navigate `replace` changes the address and nothing else
 * @property {function(string): void} announce says something to screen readers
 * @property {{setTimeout: function, clearTimeout: function}} timers that keep time in a hidden tab
 */

const EVERYBODY = Object.freeze(["supervisor", "admin", "operator"]);
const ADMINISTRATORS = Object.freeze(["admin", "operator"]);

const page = (name, group, titleKey, roles) => Object.freeze({ name, group, titleKey, roles, module: `/static/pages/${name}.js` });

/**
 * In the order of the menu. `module` is loaded when the page is first opened; its default export is a class.
 *
 * @type {ReadonlyArray<{name: string, group: "now"|"history"|"organisation", titleKey: string, roles: ReadonlyArray<string>,
 *   module: string}>}
 */
export const PAGES = Object.freeze([
  page("licences", "now", "licences.title", EVERYBODY),
  page("holders", "now", "holders.title", EVERYBODY),
  page("usage", "history", "usage.title", EVERYBODY),
  page("figures", "history", "figures.title", EVERYBODY),
  page("reports", "history", "reports.title", EVERYBODY),
  page("metrics", "organisation", "metrics.title", EVERYBODY),
  page("billing", "organisation", "billing.title", ADMINISTRATORS),
  page("users", "organisation", "users.title", ADMINISTRATORS),
  page("wallboards", "organisation", "wallboards.title", ADMINISTRATORS),
  page("audit", "organisation", "audit.title", ADMINISTRATORS),
]);

/** Where one comes to who asks for nothing. */
export const HOME = "licences";

/**
 * What somebody sees in the menu: a page that has no title is not there yet.
 *
 * @param {string} role
 * @param {import("../i18n.js").Texts} texts
 */
export function pagesOf(role, texts) {
  return PAGES.filter(({ roles, titleKey }) => roles.includes(role) && texts.has(titleKey));
}
