/** Tells screen readers what changes, no more often than one can bear to hear. */

/** Between two announcements. */
const PAUSE_MS = 20_000;
/** Of how many things one announcement speaks; the rest is a number. */
const THINGS_MAX = 3;

/** Gathers what changed; the latest of each thing is what is told. */
export class Herald {
  #texts;
  #timers;
  #announce;
  /** Thing → what to say of it. */
  #news = new Map();
  #timer = null;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {{setTimeout: function, clearTimeout: function}} settings.timers
   * @param {function(string): void} settings.announce
   */
  constructor({ texts, timers, announce }) {
    this.#texts = texts;
    this.#timers = timers;
    this.#announce = announce;
  }

  /**
   * @param {string} thing what it is about; later news of it take the place of earlier ones
   * @param {function(): string} sentence asked when it is told
   */
  tell(thing, sentence) {
    this.#news.set(thing, sentence);
    if (this.#timer === null) this.#speak();
  }

  stop() {
    this.#timers.clearTimeout(this.#timer);
    this.#timer = null;
    this.#news.clear();
  }

  #speak() {
    const sentences = [...this.#news.values()].map((sentence) => sentence());
    this.#news.clear();
    const rest = sentences.length - THINGS_MAX;
    const told = sentences.slice(0, THINGS_MAX);
    if (rest > 0) told.push(this.#texts.t("herald.more", { count: rest }));
    this.#announce(this.#texts.sentences(told));
    this.#timer = this.#timers.setTimeout(() => this.#pauseOver(), PAUSE_MS);
  }

  #pauseOver() {
    this.#timer = null;
    if (this.#news.size > 0) this.#speak();
  }
}
