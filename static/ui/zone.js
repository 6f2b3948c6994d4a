/** Instants and the clocks of a time zone: days, weeks and months are those of the organisation. */

/** Dates in English are those of the contract's examples: the day stands before the month. */
const LOCALES = Object.freeze({ en: "en-GB", ja: "ja-JP" });

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DATE = { weekday: "short", day: "numeric", month: "short" };
const DAY = { ...DATE, year: "numeric" };
/** What stands between a day and its hours, and between two hours. */
const MARKS = Object.freeze({ en: { comma: ", ", dash: "–" }, ja: { comma: " ", dash: "～" } });

/** What the named ranges are called; `Zone.named` says what they are. */
export const RANGES = Object.freeze(["hour", "today", "yesterday", "days7", "last_week", "this_month", "last_month"]);

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export class Zone {
  #texts;
  #fields;
  #formats = new Map();

  /**
   * @param {import("../i18n.js").Texts} texts
   * @param {string} name of the IANA database
   */
  constructor(texts, name) {
    this.#texts = texts;
    this.name = name;
    const numbers = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" };
    this.#fields = new Intl.DateTimeFormat("en-US-u-ca-gregory", { ...numbers, hourCycle: "h23", timeZone: name });
  }

  // ---- the calendar -------------------------------------------------------------------------------

  /**
   * What clocks show, as the milliseconds at which clocks of UTC show the same.
   *
   * @param {number} at_ms
   * @returns {number}
   */
  wall(at_ms) {
    const part = {};
    for (const { type, value } of this.#fields.formatToParts(at_ms)) part[type] = Number(value);
    return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
  }

  /**
   * The first instant at which clocks show this, given as by `wall`. What they pass over in spring is when they do.
   *
   * @param {number} wall_ms
   * @returns {number}
   */
  instant(wall_ms) {
    const offset = (near_ms) => this.wall(near_ms) - Math.floor(near_ms / 1000) * 1000;
    const before = wall_ms - offset(wall_ms - DAY_MS);
    const after = wall_ms - offset(wall_ms + DAY_MS);
    const shown = [before, after].filter((at_ms) => this.wall(at_ms) === wall_ms);
    return shown.length > 0 ? Math.min(...shown) : before;
  }

  /**
   * A range by its name, from its first instant to the first after it.
   *
   * @param {string} name one of `RANGES`
   * @param {number} now_ms
   * @returns {{from_ms: number, to_ms: number}}
   */
  named(name, now_ms) {
    const next_ms = Math.ceil((now_ms + 1) / MINUTE_MS) * MINUTE_MS;
    if (name === "hour") return { from_ms: next_ms - HOUR_MS, to_ms: next_ms };
    const now = new Date(this.wall(now_ms));
    const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
    const days = (first, last) => [Date.UTC(year, month, day + first), Date.UTC(year, month, day + last)];
    const months = (first, last) => [Date.UTC(year, month + first, 1), Date.UTC(year, month + last, 1)];
    const monday = -((now.getUTCDay() + 6) % 7);
    const walls = {
      today: () => days(0, 1),
      yesterday: () => days(-1, 0),
      days7: () => days(-6, 1),
      last_week: () => days(monday - 7, monday),
      this_month: () => months(0, 1),
      last_month: () => months(-1, 0),
    };
    const [from_ms, to_ms] = walls[name]().map((wall_ms) => this.instant(wall_ms));
    return { from_ms, to_ms };
  }

  /**
   * The text of an instant in `<input type="datetime-local">`.
   *
   * @param {number} at_ms
   * @returns {string}
   */
  toField(at_ms) {
    return new Date(this.wall(at_ms)).toISOString().slice(0, 16);
  }

  /**
   * The instant of such a text; null where it has none.
   *
   * @param {string} text
   * @returns {number|null}
   */
  fromField(text) {
    const wall_ms = Date.parse(`${text}Z`);
    return Number.isNaN(wall_ms) ? null : this.instant(wall_ms);
  }

  // ---- for people ---------------------------------------------------------------------------------

  /** @param {number} at_ms @returns {string} the day and the minute */
  moment(at_ms) {
    return this.#format("moment", { ...DATE, ...CLOCK }).format(at_ms);
  }

  /** @param {number} at_ms @returns {string} to the second, with the year */
  exactly(at_ms) {
    return this.#format("exactly", { ...DAY, ...CLOCK, second: "2-digit" }).format(at_ms);
  }

  /** @param {number} at_ms @returns {string} the day alone */
  day(at_ms) {
    return this.#format("day", DAY).format(at_ms);
  }

  /** @param {number} at_ms @returns {string} the day as short as can be, for axes */
  shortDay(at_ms) {
    return this.#format("short", { day: "numeric", month: "short" }).format(at_ms);
  }

  /** @param {number} at_ms @returns {string} the minute alone */
  minute(at_ms) {
    return this.#format("minute", CLOCK).format(at_ms);
  }

  /** @param {number} at_ms @returns {string} the month */
  month(at_ms) {
    return this.#format("month", { year: "numeric", month: "long" }).format(at_ms);
  }

  /**
   * From one instant to another; whole days by the first and the last of them.
   *
   * @param {number} from_ms
   * @param {number} to_ms
   * @returns {string}
   */
  span(from_ms, to_ms) {
    const isWhole = [from_ms, to_ms].every((at_ms) => this.wall(at_ms) % DAY_MS === 0);
    const last_ms = Math.max(from_ms, to_ms - 1);
    if (isWhole) return this.#format("day", DAY).formatRange(from_ms, last_ms);
    const isOneDay = this.day(from_ms) === this.day(last_ms);
    if (!isOneDay) return this.#format("moments", { ...DAY, ...CLOCK }).formatRange(from_ms, to_ms);
    const { comma, dash } = MARKS[this.#texts.language] ?? MARKS.en;
    return `${this.day(from_ms)}${comma}${this.minute(from_ms)}${dash}${this.minute(to_ms)}`;
  }

  #format(name, style) {
    const key = `${this.#texts.language} ${name}`;
    const locale = LOCALES[this.#texts.language] ?? this.#texts.language;
    if (!this.#formats.has(key)) this.#formats.set(key, new Intl.DateTimeFormat(locale, { ...style, timeZone: this.name }));
    return this.#formats.get(key);
  }
}
