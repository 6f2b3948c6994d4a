/**
 * Texts in the chosen language. Elements name their text by `data-i18n="key"`, or an attribute's by
 * `data-i18n-label="key"` (aria-label). Both files hold the same keys; those that begin with
 * `closing.`, `device.`, `error.`, `fate.`, `licence.`, `pool.`, `reason.`, `released.`, `state.` or `live.`
 * are put together from a word of the protocol.
 */

const LANGUAGES = Object.freeze(["en", "ja"]);
const STORAGE_KEY = "licence-broker.language";

export class Texts extends EventTarget {
  #tables = new Map();
  language = "en";

  /**
   * Loads the texts of all languages.
   * @param {?string} language as the address asks for it; else what was chosen before, else what the browser prefers
   */
  async load(language = null) {
    this.language = LANGUAGES.includes(language) ? language : preferredLanguage();
    await Promise.all(LANGUAGES.map((language) => this.#fetch(language)));
    document.documentElement.lang = this.language;
  }

  async #fetch(language) {
    const response = await fetch(`/static/i18n/${language}.json`);
    if (!response.ok) throw new Error(`texts of ${language}: ${response.status}`);
    this.#tables.set(language, await response.json());
  }

  choose(language) {
    if (!LANGUAGES.includes(language) || language === this.language) return;
    this.language = language;
    document.documentElement.lang = language;
    remember(language);
    this.dispatchEvent(new Event("change"));
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
    return new Intl.NumberFormat(this.language).format(value);
  }

  time(date, timeZone) {
    const style = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, timeZone };
    return new Intl.DateTimeFormat(this.language, style).format(date);
  }

  /** A time of day without seconds. */
  minute(date, timeZone) {
    const style = { hour: "2-digit", minute: "2-digit", hour12: false, timeZone };
    return new Intl.DateTimeFormat(this.language, style).format(date);
  }

  /** A date and a time of day, in an organisation's zone. */
  dateTime(date, timeZone) {
    const style = { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" };
    return new Intl.DateTimeFormat(this.language, { ...style, hour12: false, timeZone }).format(date);
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
