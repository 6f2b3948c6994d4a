/** What stands around every page: the masthead, the menu, notices, and the voice for screen readers. */

import { href } from "./router.js";
import { pagesOf } from "./pages.js";
import { h, said, setText } from "../ui/dom.js";

const CLOCK_EVERY_MS = 1_000;
const GROUPS = Object.freeze([
  ["now", "nav.now"],
  ["history", "nav.history"],
  ["organisation", "nav.organisation"],
]);

const find = (id) => document.getElementById(id);

/** Draws into the elements of `index.html`. Events: `sign_out`, `change_organisation`, `sign_in_again`. */
export class Shell extends EventTarget {
  #texts;
  #session;
  #organisation = null;
  #route = "";
  /** Says what the notice says, in the language that is chosen then; or null. */
  #notice = null;

  /** @param {import("../i18n.js").Texts} texts @param {import("./session.js").Session} session */
  constructor(texts, session) {
    super();
    this.#texts = texts;
    this.#session = session;
    for (const button of document.querySelectorAll("[data-language]")) {
      button.addEventListener("click", () => texts.choose(button.dataset.language));
    }
    find("menu-button").addEventListener("click", () => this.#openMenu(find("menu-button").ariaExpanded !== "true"));
    find("menu").addEventListener("keydown", (event) => event.key === "Escape" && this.#closeMenu());
    find("skip").addEventListener("click", (event) => this.#skip(event));
    find("sign-out").addEventListener("click", () => this.#tell("sign_out"));
    find("change-organisation").addEventListener("click", () => this.#tell("change_organisation"));
    find("notice-again").addEventListener("click", () => this.#tell("sign_in_again"));
    setInterval(() => this.#drawClock(), CLOCK_EVERY_MS);
  }

  #tell(type) {
    this.dispatchEvent(new Event(type));
  }

  /** The address is the router's: a link within the page would lead away from it. */
  #skip(event) {
    event.preventDefault();
    this.main.focus();
  }

  /** Where pages stand. */
  get main() {
    return find("main");
  }

  /** @param {Object|null} organisation null while none is open */
  setOrganisation(organisation) {
    this.#organisation = organisation;
    this.translate();
  }

  /** @param {string} route the page that is open */
  setRoute(route) {
    this.#route = route;
    this.#openMenu(false);
    for (const link of find("menu-pages").querySelectorAll("a")) this.#mark(link);
  }

  /**
   * @param {Element} element instead of what stood there
   * @param {string} title of the window
   * @param {{hasFocus?: boolean}} [options] whether the focus goes to its heading
   */
  show(element, title, { hasFocus = true } = {}) {
    this.main.replaceChildren(element);
    this.setTitle(title);
    const heading = element.querySelector("h1");
    if (!hasFocus || !heading) return;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  /** @param {boolean} isBusy whether the page still waits for what it shows */
  setBusy(isBusy) {
    this.main.setAttribute("aria-busy", String(isBusy));
  }

  /** @param {string} title */
  setTitle(title) {
    const parts = [title, this.#organisation?.name, this.#texts.t("page.product")];
    document.title = parts.filter(Boolean).join(" · ");
  }

  /** @param {null|function(): string} notice in words @param {{canSignIn?: boolean}} [options] */
  setNotice(notice, { canSignIn = false } = {}) {
    this.#notice = notice;
    find("notice").hidden = !notice;
    find("notice-again").hidden = !canSignIn;
    setText(find("notice-text"), notice?.() ?? "");
  }

  /** @param {string} text that screen readers say when they come to it */
  announce(text) {
    // The same words again would be no change, and not be said.
    setText(find("voice"), find("voice").textContent === text ? `${text}\u00a0` : text);
  }

  /** After a change of language, or of who is signed in. */
  translate() {
    for (const part of [document.querySelector(".masthead"), find("menu").parentElement, find("skip").parentElement]) this.#texts.apply(part);
    for (const button of document.querySelectorAll("[data-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === this.#texts.language));
    }
    if (this.#notice) setText(find("notice-text"), this.#notice());
    this.#drawOrganisation();
    this.#drawWho();
    this.#drawMenu();
  }

  #drawOrganisation() {
    const open = this.#organisation;
    find("organisation").hidden = !open;
    find("clock").hidden = !open;
    if (!open) return;
    setText(find("organisation-name"), open.name);
    setText(find("organisation-id"), this.#texts.t("page.organisation", { id: String(open.id) }));
    this.#drawClock();
  }

  /** The organisation's own time: its days and months follow it. */
  #drawClock() {
    if (!this.#organisation) return;
    const now = new Date();
    find("clock-time").dateTime = now.toISOString();
    setText(find("clock-time"), this.#texts.time(now, this.#organisation.time_zone));
    setText(find("clock-zone"), this.#organisation.time_zone);
  }

  #drawWho() {
    const { isOpen, role, user } = this.#session;
    find("who").hidden = !isOpen;
    find("menu-button").hidden = !isOpen;
    find("change-organisation").hidden = role !== "operator" || !this.#organisation;
    if (!isOpen) return;
    setText(find("who-name"), user);
    setText(find("who-role"), this.#texts.word("role", role));
  }

  #drawMenu() {
    const pages = this.#organisation ? pagesOf(this.#session.role, this.#texts) : [];
    find("menu").hidden = !this.#session.isOpen;
    const parts = GROUPS.map(([group, key]) => this.#menuPart(key, pages.filter((page) => page.group === group)));
    find("menu-pages").replaceChildren(...parts.filter(Boolean));
  }

  #menuPart(key, pages) {
    if (pages.length === 0) return null;
    const id = `menu-${key.replace(".", "-")}`;
    const links = pages.map(({ name, titleKey }) => {
      const link = said(this.#texts, "a", titleKey, { href: href(name), dataset: { page: name } });
      this.#mark(link);
      return h("li", {}, link);
    });
    return h("div", { class: "menu-part" }, said(this.#texts, "h2", key, { id }), h("ul", { "aria-labelledby": id }, links));
  }

  #mark(link) {
    if (link.dataset.page === this.#route) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }

  #openMenu(isOpen) {
    find("menu-button").setAttribute("aria-expanded", String(isOpen));
    find("menu").dataset.open = String(isOpen);
  }

  #closeMenu() {
    if (find("menu").dataset.open !== "true") return;
    this.#openMenu(false);
    find("menu-button").focus();
  }
}
