/** What one session acquired and released, in order. */

import { isAbort } from "../console/api.js";
import { h, newId, said, setText } from "../ui/dom.js";
import { explain } from "../ui/form.js";

/** More than any session has that does not go on for ever. */
const RECORDS_MAX = 2_000;
const MINUTE_MS = 60_000;

/** A dialog; tells by `close` when it is gone. */
export class Story extends EventTarget {
  #texts;
  #api;
  #zone;
  #records = null;
  #error = null;
  #dialog;
  #parts;

  /** Whose story it is. */
  session;

  /**
   * @param {Object} settings
   * @param {import("../i18n.js").Texts} settings.texts
   * @param {import("../console/api.js").Api} settings.api
   * @param {import("../ui/zone.js").Zone} settings.zone
   * @param {string} settings.session
   */
  constructor({ texts, api, zone, session }) {
    super();
    this.#texts = texts;
    this.#api = api;
    this.#zone = zone;
    this.session = session;
    const id = newId("story");
    this.#parts = { about: h("p", {}), list: h("ol", { class: "story" }), problem: h("p", { class: "notice", role: "alert", hidden: true }) };
    const close = said(texts, "button", "story.close", { type: "button", autofocus: true, onclick: () => this.close() });
    this.#dialog = h("dialog", { class: "dialog", "aria-labelledby": id, id: "story" }, said(texts, "h2", "story.title", { id }),
      h("p", { class: "code" }, session), this.#parts.about, this.#parts.problem, this.#parts.list, h("div", { class: "form-actions" }, close));
  }

  /** @param {AbortSignal} signal */
  async open(signal) {
    const before = document.activeElement;
    this.#dialog.addEventListener("close", () => {
      this.#dialog.remove();
      if (before?.isConnected) before.focus({ preventScroll: true });
      this.dispatchEvent(new Event("close"));
    });
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.translate();
    try {
      const { items } = await this.#api.all("licence-usage", { session: this.session }, { signal, items_max: RECORDS_MAX });
      this.#records = items;
    } catch (error) {
      if (isAbort(error)) return;
      this.#error = error;
    }
    this.translate();
  }

  close() {
    this.#dialog.close();
  }

  /** After a change of language. */
  translate() {
    const { about, list, problem } = this.#parts;
    this.#texts.apply(this.#dialog);
    problem.hidden = !this.#error;
    setText(problem, this.#error ? explain(this.#texts, this.#error) : "");
    if (!this.#records) return setText(about, this.#error ? "" : this.#texts.t("data.loading"));
    setText(about, this.#about());
    list.replaceChildren(...this.#instants().map(([at, records]) => this.#step(at, records)));
  }

  /** Who it was and for how long; a session that has released less than it acquired goes on. */
  #about() {
    const [first] = this.#records;
    if (!first) return this.#texts.t("story.none");
    const who = { user: first.user, device: this.#texts.word("device", first.device) };
    const isOpen = this.#records.filter((record) => record.usage_type === "Acquired").length * 2 > this.#records.length;
    if (isOpen) return this.#texts.t("story.goes_on", { ...who, time: this.#moment(first.logged_at) });
    const last = this.#records.at(-1);
    const duration = this.#duration(Date.parse(last.logged_at) - Date.parse(first.logged_at));
    return this.#texts.t("story.about", { ...who, time: this.#moment(first.logged_at), duration });
  }

  #duration(duration_ms) {
    if (duration_ms >= MINUTE_MS) return this.#texts.duration(duration_ms);
    return this.#texts.t("story.seconds", { count: Math.round(duration_ms / 1000) });
  }

  /** What was decided at one instant belongs together. */
  #instants() {
    const instants = new Map();
    for (const record of this.#records) {
      const key = record.logged_at;
      instants.set(key, [...(instants.get(key) ?? []), record]);
    }
    return [...instants];
  }

  #step(at, records) {
    const lines = records.map((record) => h("li", { dataset: { usage: record.usage_type } }, this.#line(record)));
    return h("li", {}, h("time", { datetime: at }, this.#moment(at)), h("ul", {}, lines));
  }

  #line({ usage_type, licence, pool, reason }) {
    const values = { licence: this.#texts.word("licence", licence), pool: this.#texts.word("pool", pool) };
    if (usage_type === "Acquired") return this.#texts.t("story.acquired", values);
    return this.#texts.t("story.released", { ...values, reason: this.#texts.word("ended", reason) });
  }

  #moment(at) {
    return this.#zone.exactly(Date.parse(at));
  }
}
