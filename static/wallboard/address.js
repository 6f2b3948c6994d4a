/**
 * What a wallboard's address says: everything but the token stands in its query, so that a board can be set up by its
 * link alone. The token stands in the fragment, which no server is ever sent.
 *
 * `?licences=agent_email,agent_calls&warn=80&alarm=95&theme=dark&lang=ja&zone=Asia/Tokyo&name=Lobby&page_s=12`
 */

/** Shares of what was bought, in percent. */
const WARN_PERCENT = 80;
const ALARM_PERCENT = 100;
const PERCENT_MAX = 100;
/** Long enough to read a page from afar. */
const PAGE_S = 12;
const PAGE_S_MIN = 5;
const PAGE_S_MAX = 600;

const THEMES = Object.freeze(["auto", "light", "dark"]);

/**
 * Reads the query of an address. What is wrong in it is left out and named, the rest counts.
 * @param {string} search `location.search`
 * @returns {{licences: ?string[], warn_percent: number, alarm_percent: number, page_s: number, theme: string,
 *   language: ?string, zone: ?string, name: string, wrong: string[]}} `wrong`: the parameters that could not be read
 */
export function readAddress(search) {
  const query = new URLSearchParams(search);
  const wrong = [];
  const read = (name, parse, otherwise) => {
    const text = query.get(name);
    if (text === null || text === "") return otherwise;
    const value = parse(text);
    if (value === null) wrong.push(name);
    return value ?? otherwise;
  };
  return {
    licences: read("licences", keysOf, null),
    warn_percent: read("warn", within(1, PERCENT_MAX), WARN_PERCENT),
    alarm_percent: read("alarm", within(1, PERCENT_MAX), ALARM_PERCENT),
    page_s: read("page_s", within(PAGE_S_MIN, PAGE_S_MAX), PAGE_S),
    theme: read("theme", (text) => (THEMES.includes(text) ? text : null), "auto"),
    language: query.get("lang"),
    zone: read("zone", zoneOf, null),
    name: query.get("name") ?? "",
    wrong,
  };
}

/** Each key once, in the order in which the address names them. */
function keysOf(text) {
  const keys = text.split(",").map((key) => key.trim()).filter(Boolean);
  return keys.length > 0 ? [...new Set(keys)] : null;
}

function within(least, most) {
  return (text) => {
    const number = Number(text);
    return number >= least && number <= most ? number : null;
  };
}

function zoneOf(text) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    return null; // the browser knows no such zone
  }
}
