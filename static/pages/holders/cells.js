/** What stands in the columns of "who holds what". */

import { h, setText } from "../../ui/dom.js";
import { href } from "../../console/router.js";

/** Makes the cells of one page; `onLogOut` is told of the session that somebody wants to end. */
export class Cells {
  #texts;
  #zone;
  #onLogOut;

  /**
   * @param {Object} settings
   * @param {import("../../i18n.js").Texts} settings.texts
   * @param {string} settings.zone
   * @param {function(import("./rows.js").Session): void} settings.onLogOut
   */
  constructor({ texts, zone, onLogOut }) {
    this.#texts = texts;
    this.#zone = zone;
    this.#onLogOut = onLogOut;
  }

  /** Since when, and how long that is. */
  since({ since }, node) {
    const cell = node ?? h("span", { class: "since" }, h("time"), h("span", { class: "hint" }));
    const [time, age] = cell.children;
    time.dateTime = since;
    setText(time, this.#texts.dateTime(since, this.#zone));
    setText(age, this.#texts.t("holders.for", { duration: this.#texts.duration(Date.now() - Date.parse(since)) }));
    return cell;
  }

  /** A user, as a link to all that is theirs. */
  user({ user }, node) {
    return node ?? h("a", { href: href("holders", { view: "user", q: user }) }, h("bdi", {}, user));
  }

  /** A licence type, as a link to all who hold it. */
  licence({ licence }, node) {
    const cell = node ?? h("a", { href: href("holders", { licence }) });
    setText(cell, this.#texts.word("licence", licence));
    return cell;
  }

  /** In which pool. */
  pool({ pool }, node) {
    const cell = node ?? h("span", { class: "badge" });
    cell.dataset.pool = pool;
    setText(cell, this.#texts.word("rank", pool));
    return cell;
  }

  /** What is held, and what is waited for. */
  licences({ licences, waiting }) {
    const held = licences.map(({ licence, pool }) =>
      h("li", { dataset: { licence, pool } }, this.#texts.word("licence", licence), " ", h("span", { class: "hint" }, this.#texts.word("rank", pool))));
    const queued = waiting.map((licence) =>
      h("li", { dataset: { licence, kind: "waiting" } }, this.#texts.word("licence", licence), " ", h("span", { class: "hint" }, this.#texts.t("holders.waits"))));
    return h("ul", { class: "held" }, held, queued);
  }

  /** On which devices, in words. */
  devices(sessions) {
    return [...new Set(sessions.map(({ device }) => this.#texts.word("device", device)))].join(this.#texts.t("holders.separator"));
  }

  /** One button for each session; the same buttons as long as these are the sessions. */
  logOut(sessions, node) {
    const signature = [this.#texts.language, ...sessions.map(({ session }) => session)].join(" ");
    if (node?.dataset.signature === signature) return node;
    const isAlone = sessions.length === 1;
    const buttons = sessions.map((session) => {
      const device = this.#texts.word("device", session.device);
      const text = isAlone ? this.#texts.t("holders.log_out") : this.#texts.t("holders.log_out_device", { device });
      const label = this.#texts.t("holders.log_out_of", { user: session.user, device });
      return h("button", {
        type: "button", class: "small danger", "aria-label": label, dataset: { session: session.session }, onclick: () => this.#onLogOut(session),
      }, text);
    });
    return h("div", { class: "row-actions", dataset: { signature } }, buttons);
  }
}
