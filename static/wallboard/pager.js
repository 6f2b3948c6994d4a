/** Which page of tiles is shown: it turns by itself, and by hand; whoever reads may make it wait. */

export class Pager {
  #root;
  #texts;
  #every_ms;
  #turned;
  #timer = null;
  #pages = 1;
  #page = 0;
  #isPaused = false;

  /**
   * @param {{root: HTMLElement, texts: import("../i18n.js").Texts, every_ms: number, turned: () => void}} settings
   *   `root` has buttons with `data-turn` (`-1`, `1`), `data-pause`, and an element with `data-page`
   */
  constructor({ root, texts, every_ms, turned }) {
    this.#root = root;
    this.#texts = texts;
    this.#every_ms = every_ms;
    this.#turned = turned;
  }

  /** The page that is shown, from 0. */
  get page() {
    return this.#page;
  }

  /** Turns, and listens, until the signal. */
  start(signal) {
    for (const button of this.#root.querySelectorAll("[data-turn]")) {
      button.addEventListener("click", () => this.#turn(Number(button.dataset.turn)), { signal });
    }
    this.#root.querySelector("[data-pause]").addEventListener("click", () => this.#pause(), { signal });
    document.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
    this.#turnLater();
    this.translate();
  }

  /** So many pages are needed now. */
  setPages(pages) {
    if (pages === this.#pages) return;
    this.#pages = pages;
    this.#page = Math.min(this.#page, pages - 1);
    this.translate();
  }

  /** After a change of language, too. */
  translate() {
    this.#root.hidden = this.#pages < 2;
    const values = { page: this.#page + 1, pages: this.#pages };
    this.#root.querySelector("[data-page]").textContent = this.#texts.t("wallboard.page", values);
    this.#root.querySelector("[data-pause]").setAttribute("aria-pressed", String(this.#isPaused));
  }

  #turn(by) {
    this.#page = (this.#page + by + this.#pages) % this.#pages;
    this.translate();
    this.#turnLater(); // a page that was turned by hand stays for its whole time
    this.#turned();
  }

  #turnLater() {
    clearTimeout(this.#timer);
    if (!this.#isPaused) this.#timer = setTimeout(() => this.#turn(1), this.#every_ms);
  }

  #pause() {
    this.#isPaused = !this.#isPaused;
    this.#turnLater();
    this.translate();
  }

  #pressed({ key, target }) {
    if (target.closest?.("input")) return;
    if (key === "ArrowRight" || key === "PageDown") this.#turn(1);
    if (key === "ArrowLeft" || key === "PageUp") this.#turn(-1);
  }
}
