/**
 * Texts in the chosen language. Elements name their text by `data-i18n="key"`, or an attribute's by
 * `data-i18n-label="key"` (aria-label). Both files hold the same keys; those that begin with
 * `about.`, `action.`, `board.`, `changed.`, `closing.`, `dataset.`, `device.`, `ended.`, `error.`, `fate.`,
 * `fault.`, `features.`, `field.`, `given.`, `licence.`, `live.`, `logged.`, `logon.`, `metric.`, `metricsgroup.`,
 * `operator.`, `outcome.`, `pool.`, `problem.`, `rank.`, `reason.`, `released.`, `role.`, `standing.`, `state.`,
 * `step.` or `stretch.` are put together from a word of the protocol.
 */

const LANGUAGES = Object.freeze(["en", "ja"]);
/** How figures and times are written; days come before months, hours are counted to 24. */
const LOCALES = Object.freeze({ en: "en-GB", ja: "ja-JP" });
const STORAGE_KEY = "licence-broker.language";
const MINUTE_MS = 60_000;

/** Only the language that is shown is loaded. Events: `change`. */
export class Texts extends EventTarget {
  #tables = new Map();
  /** Formatters take long to make; there are few of them. */
  #formats = new Map();
  language = "en";

  /**
   * Loads the texts.
   * @param {?string} language as the address asks for it; else what was chosen before, else what the browser prefers
   */
  async load(language = null) {
    const wanted = LANGUAGES.includes(language) ? language : preferredLanguage();
    await this.#fetch(wanted);
    this.#use(wanted);
  }

  async #fetch(language) {
    if (this.#tables.has(language)) return;
    const response = await fetch(`/static/i18n/${language}.json`);
    if (!response.ok) throw new Error(`texts of ${language}: ${response.status}`);
    this.#tables.set(language, await response.json());
  }

  /**
   * @param {string} language
   * @returns {Promise<void>} once it is shown; where its texts cannot be had, all stays as it is
   */
  async choose(language) {
    if (!LANGUAGES.includes(language) || language === this.language) return;
    await this.#fetch(language);
    remember(language);
    this.#use(language);
    this.dispatchEvent(new Event("change"));
  }

  #use(language) {
    this.language = language;
    document.documentElement.lang = language;
  }

  /** The text of a key; a key that has none shows itself, so that it is found. */
  t(key, values = {}) {
    const text = this.#tables.get(this.language)?.[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? this.#shown(values[name]) : whole));
  }

  has(key) {
    return this.#tables.get(this.language)?.[key] !== undefined;
  }

  /** The text of a word of the protocol, or the word itself where a later broker has a new one. */
  word(family, word) {
    const key = `${family}.${word}`;
    return this.has(key) ? this.t(key) : String(word);
  }

  /** Sentences in a row; Japanese sets no space between them. */
  sentences(parts) {
    return parts.filter(Boolean).join(this.language === "ja" ? "" : " ");
  }

  number(value) {
    return this.#format("NumberFormat", {}).format(value);
  }

  /** @param {number} share of 1 @returns {string} `12%` */
  percent(share) {
    return this.#format("NumberFormat", { style: "percent", maximumFractionDigits: 0 }).format(share);
  }

  time(date, timeZone) {
    return this.#format("DateTimeFormat", { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone }).format(date);
  }

  /** A time of day without seconds. */
  minute(date, timeZone) {
    return this.#format("DateTimeFormat", { timeStyle: "short", timeZone }).format(date);
  }

  /**
   * @param {Date|string} instant
   * @param {string} timeZone the organisation's
   * @returns {string} day and time, to the second
   */
  dateTime(instant, timeZone) {
    const date = new Date(instant);
    return `${this.date(date, timeZone)} ${this.time(date, timeZone)}`;
  }

  /**
   * @param {Date|string} instant
   * @param {string} timeZone the organisation's
   * @returns {string} the day
   */
  date(instant, timeZone) {
    return this.#format("DateTimeFormat", { dateStyle: "medium", timeZone }).format(new Date(instant));
  }

  /** As `dateTime`, and says of which zone; for a time that stands alone. */
  zoned(instant, timeZone) {
    return `${this.dateTime(instant, timeZone)} (${timeZone})`;
  }

  /**
   * @param {number} duration_ms
   * @returns {string} in the two largest units: `3 hrs 5 min`; seconds only below a minute
   */
  duration(duration_ms) {
    const minutes = Math.max(0, Math.floor(duration_ms / MINUTE_MS));
    if (minutes === 0) return this.#unit("second", Math.max(0, Math.floor(duration_ms / 1_000)));
    const parts = [["day", Math.floor(minutes / 1440)], ["hour", Math.floor(minutes / 60) % 24], ["minute", minutes % 60]];
    const first = parts.findIndex(([, value]) => value > 0);
    const told = parts.slice(first, first + 2).filter(([, value]) => value > 0);
    return told.map(([unit, value]) => this.#unit(unit, value)).join(" ");
  }

  #unit(unit, value) {
    return this.#format("NumberFormat", { style: "unit", unit, unitDisplay: "short" }).format(value);
  }

  #format(kind, options) {
    const key = `${this.language} ${kind} ${JSON.stringify(options)}`;
    if (!this.#formats.has(key)) this.#formats.set(key, new Intl[kind](LOCALES[this.language], options));
    return this.#formats.get(key);
  }

  /** Fills in every element below `root` that names a text. */
  apply(root) {
    for (const element of root.querySelectorAll("[data-i18n]")) {
      element.textContent = this.t(element.dataset.i18n);
    }
    for (const element of root.querySelectorAll("[data-i18n-label]")) {
      element.setAttribute("aria-label", this.t(element.dataset.i18nLabel));
    }
  }

  #shown(value) {
    return typeof value === "number" ? this.number(value) : String(value);
  }
}

function preferredLanguage() {
  const wanted = [remembered(), ...navigator.languages.map((tag) => tag.split("-")[0])];
  return wanted.find((language) => LANGUAGES.includes(language)) ?? "en";
}

/** Storage may be forbidden; then the choice lasts as long as the page. */
function remembered() {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

function remember(language) {
  try {
    localStorage.setItem(STORAGE_KEY, language);
  } catch {
    // nothing to do: see `remembered`
  }
}
