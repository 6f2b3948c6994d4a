/** What happened without being asked for, latest first, and a mark in the title while nobody looks. */

import { h } from "../ui/dom.js";

const NEWS_MAX = 8;
const MARK = "● ";

export class News {
  #list;
  #texts;
  #zone;
  /** {at, kind, say}: `say` gives the text in the present language. */
  #news = [];

  /**
   * @param {HTMLElement} list
   * @param {import("../i18n.js").Texts} texts
   * @param {?string} zone the organisation's, in which times are shown
   */
  constructor(list, texts, zone) {
    this.#list = list;
    this.#texts = texts;
    this.#zone = zone ?? undefined;
  }

  /** Takes the mark away when somebody looks, until the signal. */
  start(signal) {
    document.addEventListener("visibilitychange", () => this.#mark(false), { signal });
    this.draw();
  }

  /**
   * @param {"available"|"lost"|"back"|"other"} kind
   * @param {function(): string} say
   */
  add(kind, say) {
    this.#news.unshift({ at: new Date(), kind, say });
    this.#news.length = Math.min(this.#news.length, NEWS_MAX);
    this.draw();
    this.#mark(document.hidden);
  }

  /** Forgets everything: another session begins. */
  clear() {
    this.#news = [];
    this.draw();
  }

  /** After a change of language, too. */
  draw() {
    this.#list.hidden = this.#news.length === 0;
    this.#list.replaceChildren(...this.#news.map(({ at, kind, say }) => h("li", { dataset: { kind } },
      h("time", { datetime: at.toISOString() }, this.#texts.time(at, this.#zone)), " ", h("span", {}, say()))));
  }

  #mark(isNew) {
    const title = document.title.startsWith(MARK) ? document.title.slice(MARK.length) : document.title;
    document.title = isNew ? MARK + title : title;
  }
}
