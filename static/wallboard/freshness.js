/** Whether what a wallboard shows is of now, said plainly: a dot and a word, and a banner as soon as it is not. */

import { closingText } from "../closing.js";
import { setText } from "../ui/dom.js";

/** A pong comes every ten seconds: whoever was silent for longer than this is not live. */
const FRESH_MS = 15_000;
/** Figures come every five minutes; these are late. */
const FIGURES_LATE_MS = 6 * 60_000;

export class Freshness {
  #texts;
  #live;
  #root;
  #line;
  #banner;
  #zone;
  /** The last `state` event of the live counts. */
  #told = { state: "connecting" };

  /**
   * @param {{root: HTMLElement, line: HTMLElement, banner: HTMLElement, texts: import("../i18n.js").Texts,
   *   live: import("../live.js").LiveCounts, zone: ?string}} settings `root` is marked as stale
   */
  constructor({ root, line, banner, texts, live, zone }) {
    this.#root = root;
    this.#line = line;
    this.#banner = banner;
    this.#texts = texts;
    this.#live = live;
    this.#zone = zone ?? undefined;
  }

  /** Draws, now and at each change, until the signal. */
  start(signal) {
    this.#told = { state: this.#live.state };
    this.#live.addEventListener("state", ({ detail }) => {
      this.#told = detail;
      this.draw();
    }, { signal });
    this.draw();
  }

  /** Ages go on without an event: whoever shows this draws it every second. */
  draw() {
    const { state } = this.#told;
    const staleSince = this.#staleSince(state);
    const isLost = state === "reconnecting" || state === "stopped";
    const isStale = isLost || staleSince !== null;
    this.#line.dataset.state = isStale && !isLost ? "reconnecting" : state;
    this.#root.dataset.stale = String(isStale);
    setText(this.#line.querySelector("#live-state"), this.#texts.t(`live.${this.#line.dataset.state}`));
    setText(this.#line.querySelector("#live-age"), this.#ageOfFigures());
    this.#banner.hidden = !isStale;
    if (isStale) setText(this.#banner, this.#texts.sentences(this.#sentences(state, staleSince)));
  }

  #ageOfFigures() {
    const { figures, kind } = this.#live;
    if (kind !== "figures" || !figures) return "";
    const time = (date) => this.#texts.minute(date, this.#zone);
    return this.#texts.t("wallboard.figures_of", { start: time(figures.start), end: time(figures.end) });
  }

  /** Since when nothing new came; null while all is well, or where nothing ever came. */
  #staleSince(state) {
    const { heardAt, figures, kind } = this.#live;
    if (kind === "figures" && Date.now() - figures.end > FIGURES_LATE_MS) return figures.end;
    const isLost = state === "reconnecting" || state === "stopped";
    return heardAt && (isLost || Date.now() - heardAt > FRESH_MS) ? heardAt : null;
  }

  #sentences(state, since) {
    const { code, reason, fate, retry_at_ms } = this.#told;
    const sentences = [
      since === null
        ? this.#texts.t("wallboard.never")
        : this.#texts.t("wallboard.stale_since", { time: this.#moment(since) }),
    ];
    if (state === "stopped") sentences.push(closingText(this.#texts, { code, reason, fate }));
    const seconds = state === "reconnecting" ? Math.ceil((retry_at_ms - performance.now()) / 1000) : 0;
    if (seconds > 0) sentences.push(this.#texts.t("wallboard.retry", { seconds }));
    return sentences;
  }

  /** The time of day; with the date where that is another than today's. */
  #moment(date) {
    const day = (of) => new Intl.DateTimeFormat("en", { dateStyle: "short", timeZone: this.#zone }).format(of);
    const isToday = day(date) === day(new Date());
    return isToday ? this.#texts.time(date, this.#zone) : this.#texts.dateTime(date, this.#zone);
  }
}
