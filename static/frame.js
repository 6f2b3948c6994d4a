/** What the pages without a sign-in have in common: their texts, the choice of language, and one notice at the top. */

import { Texts } from "./i18n.js";

const find = (id) => document.getElementById(id);

/**
 * The frame of a page. Its document has the elements `notice`, `notice-text`, `notice-retry` and buttons with
 * `data-language`.
 */
export class Frame {
  /** The texts of the page. */
  texts = new Texts();
  /** The key of the notice that is shown, or null. */
  #notice = null;

  /**
   * Loads the texts and fills the page with them; false, with a notice in all languages, if that failed.
   * @param {{language: ?string, retry: () => void, translated: () => void}} settings `language`: chosen by the address;
   *   `retry`: does anew what the notice complains of; `translated`: the language changed
   * @returns {Promise<boolean>}
   */
  async open({ language = null, retry, translated }) {
    try {
      await this.texts.load(language);
    } catch {
      // Without texts there is no language to say it in.
      this.#show("The texts of this page could not be loaded. / 画面の文言を読み込めませんでした。");
      return false;
    }
    for (const button of document.querySelectorAll("[data-language]")) {
      button.addEventListener("click", () => this.#choose(button.dataset.language));
    }
    this.texts.addEventListener("change", () => {
      this.#translate();
      translated();
    });
    find("notice-retry").addEventListener("click", retry);
    this.#translate();
    return true;
  }

  /**
   * Shows a notice.
   * @param {string} key of its text
   * @param {{mayRetry: boolean}} options whether trying again may help
   */
  complain(key, { mayRetry = false } = {}) {
    this.#notice = key;
    this.#show(this.texts.t(key));
    find("notice-retry").hidden = !mayRetry;
  }

  /** Takes the notice away. */
  hideNotice() {
    this.#notice = null;
    find("notice").hidden = true;
  }

  async #choose(language) {
    try {
      await this.texts.choose(language);
    } catch {
      this.complain("notice.unreachable"); // its texts could not be had: all stays as it is
    }
  }

  #translate() {
    this.texts.apply(document);
    for (const button of document.querySelectorAll("[data-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === this.texts.language));
    }
    if (this.#notice) this.#show(this.texts.t(this.#notice));
  }

  #show(text) {
    find("notice-text").textContent = text;
    find("notice").hidden = false;
  }
}
