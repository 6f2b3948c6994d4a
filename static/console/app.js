/** The console put together: texts, who is signed in, their organisation, and the page that the address names. */

import { Api, isAbort } from "./api.js";
import { HOME, PAGES, pagesOf } from "./pages.js";
import { Organisations } from "./organisations.js";
import { Router, href } from "./router.js";
import { Session } from "./session.js";
import { Shell } from "./shell.js";
import { SignIn, askAgain } from "./sign_in.js";
import { Texts } from "../i18n.js";
import { WorkerTimers } from "../timers.js";
import { explain } from "../ui/form.js";
import { h, said } from "../ui/dom.js";

/** One at a time stands in the page: signing in, choosing an organisation, or a page of the menu. */
class Console {
  #texts;
  #timers = new WorkerTimers("/static/ticker.js");
  #session = new Session(this.#timers);
  #api = new Api(this.#session);
  #router = new Router();
  #shell;
  #organisation = null;
  /** What is open: its element, `translate`, and maybe `update`. */
  #page = null;
  #route = "";
  #leaving = new AbortController();
  /** The first page that is opened leaves the focus where the browser puts it. */
  #isFirst = true;

  constructor(texts) {
    this.#texts = texts;
    this.#shell = new Shell(texts, this.#session);
    texts.addEventListener("change", () => this.#translate());
    this.#router.addEventListener("change", () => this.#open());
    this.#session.askAnew = () => askAgain(texts, this.#session);
    this.#session.addEventListener("ending", () => this.#warn());
    this.#session.addEventListener("renewed", () => this.#shell.setNotice(null));
    this.#shell.addEventListener("sign_out", () => this.#signOut());
    this.#shell.addEventListener("change_organisation", () => this.#chooseOrganisation());
    this.#shell.addEventListener("sign_in_again", () => this.#session.renew(this.#session.token));
  }

  async start() {
    this.#shell.translate();
    if (this.#session.isOpen) await this.#enter();
    else this.#signIn();
  }

  // ---- who, and where -----------------------------------------------------------------------------

  #signIn() {
    this.#router.stop();
    this.#organisation = null;
    this.#shell.setOrganisation(null);
    this.#stand(new SignIn({ texts: this.#texts, session: this.#session, onSignedIn: () => this.#enter() }), "sign_in.title");
  }

  /** What is shown is one person's to see: the next begins with an empty page. */
  #signOut() {
    this.#session.signOut();
    this.#shell.setNotice(null);
    history.replaceState(null, "", href(HOME));
    this.#signIn();
  }

  async #enter() {
    if (this.#session.organisation === null) return this.#chooseOrganisation();
    try {
      this.#organisation = await this.#readOrganisation();
    } catch (error) {
      return this.#refused(error);
    }
    this.#shell.setOrganisation(this.#organisation);
    if (this.#session.isEnding) this.#warn();
    else this.#shell.setNotice(null);
    this.#route = "";
    this.#router.start();
  }

  /** Supervisors may not read the organisation itself; what they need of it stands at the head of its licences. */
  async #readOrganisation() {
    if (this.#session.role !== "supervisor") return this.#api.get("");
    return (await this.#api.get("licences", { limit: 1 })).organisation;
  }

  #refused(error) {
    if (error.status === 401) return this.#signOut();
    if (error.status === 404 && this.#session.role === "operator") return this.#chooseOrganisation();
    const retry = said(this.#texts, "button", "notice.retry", { type: "button", class: "primary", onclick: () => this.#enter() });
    this.#shell.setNotice(() => explain(this.#texts, error));
    this.#shell.show(h("p", {}, retry), "");
  }

  #chooseOrganisation() {
    this.#router.stop();
    this.#organisation = null;
    this.#session.chooseOrganisation(null);
    this.#shell.setOrganisation(null);
    const onChosen = (id) => {
      this.#session.chooseOrganisation(id);
      this.#enter();
    };
    this.#stand(new Organisations({ texts: this.#texts, api: this.#api, onChosen }), "organisations.title");
  }

  #warn() {
    const zone = this.#organisation?.time_zone;
    const ends = new Date(this.#session.expires_at_ms);
    const text = () => this.#texts.t("sign_in.ending", { time: this.#texts.zoned(ends, zone) });
    this.#shell.setNotice(text, { canSignIn: true });
  }

  // ---- the page -----------------------------------------------------------------------------------

  async #open() {
    const { route, params } = this.#router;
    const pages = pagesOf(this.#session.role, this.#texts);
    const wanted = pages.find(({ name }) => name === route);
    if (!wanted) return this.#openInstead(route, pages);
    if (route === this.#route && this.#page?.update) return this.#page.update(params);
    this.#route = route;
    this.#shell.setRoute(route);
    let Page;
    try {
      ({ default: Page } = await import(wanted.module));
    } catch {
      return this.#shell.setNotice(() => this.#texts.t("problem.unreachable"));
    }
    if (this.#router.route !== route) return; // one went on meanwhile
    this.#stand(new Page(this.#context()), wanted.titleKey);
  }

  /** The way home, unless the address names a page that is somebody else's. */
  #openInstead(route, pages) {
    const isKnown = PAGES.some(({ name }) => name === route);
    if (!isKnown && pages.length > 0) return this.#router.navigate(pages[0].name, {}, { replace: true }), this.#open();
    const element = h("section", { class: "page" }, said(this.#texts, "h1", "page.not_yours"), said(this.#texts, "p", "page.not_yours_text"));
    this.#route = route;
    this.#shell.setRoute(route);
    this.#stand({ element, start() {}, translate: () => this.#texts.apply(element) }, "page.not_yours");
  }

  #context() {
    return {
      texts: this.#texts,
      api: this.#api,
      organisation: this.#organisation,
      role: this.#session.role,
      params: this.#router.params,
      navigate: (route, params, options) => this.#router.navigate(route, params, options),
      announce: (text) => this.#shell.announce(text),
      timers: this.#timers,
    };
  }

  /** Ends what stood there, and begins what stands there now. */
  async #stand(page, titleKey) {
    this.#leaving.abort();
    this.#leaving = new AbortController();
    this.#page = Object.assign(page, { titleKey });
    this.#shell.show(page.element, this.#texts.t(titleKey), { hasFocus: !this.#isFirst });
    this.#isFirst = false;
    const { signal } = this.#leaving;
    this.#shell.setBusy(true);
    try {
      await page.start(signal);
      if (!signal.aborted) this.#shell.setBusy(false);
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      if (error.status === 401) return this.#signOut();
      this.#shell.setBusy(false);
      this.#shell.setNotice(() => explain(this.#texts, error));
    }
  }

  #translate() {
    this.#shell.translate();
    if (!this.#page) return;
    this.#page.translate();
    this.#shell.setTitle(this.#texts.t(this.#page.titleKey));
  }
}

const texts = new Texts();
try {
  await texts.load();
  await new Console(texts).start();
} catch (error) {
  console.error(error);
  // Without texts there is no language to say it in.
  document.getElementById("main").textContent = "The texts of this page could not be loaded. / 画面の文言を読み込めませんでした。";
}
