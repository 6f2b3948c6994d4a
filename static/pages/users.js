/** Users: the list, the import of many, and the accounts that sign in to these pages. */

import { h, said } from "../ui/dom.js";
import { href } from "../console/router.js";

/** View → its module, loaded when it is opened, and the key of its name. */
const VIEWS = Object.freeze([
  { view: "list", key: "users.view_list", load: () => import("./users/list.js") },
  { view: "import", key: "users.view_import", load: () => import("./users/import.js") },
  { view: "accounts", key: "users.view_accounts", load: () => import("./users/accounts.js") },
]);

/** The page `#/users`; `?view=` says which part of it. */
export default class Users {
  static titleKey = "users.title";
  static roles = Object.freeze(["admin", "operator"]);

  #context;
  #chosen;
  /** The part that is shown, once it is loaded. */
  #part = null;

  element;

  constructor(context) {
    this.#context = context;
    const { texts, params } = context;
    this.#chosen = VIEWS.find(({ view }) => view === params.get("view")) ?? VIEWS[0];
    const id = "users-title";
    const links = VIEWS.map(({ view, key }) => said(texts, "a", key, {
      href: href("users", view === VIEWS[0].view ? {} : { view }),
      "aria-current": view === this.#chosen.view ? "page" : null,
    }));
    this.element = h("section", { "aria-labelledby": id, class: "page" },
      said(texts, "h1", Users.titleKey, { id }),
      h("nav", { class: "subpages", dataset: { i18nLabel: "users.views" }, "aria-label": texts.t("users.views") }, links));
  }

  async start(signal) {
    const { default: Part } = await this.#chosen.load();
    if (signal.aborted) return;
    this.#part = new Part(this.#context);
    this.element.append(this.#part.element);
    await this.#part.start(signal);
  }

  translate() {
    this.#context.texts.apply(this.element);
    this.#part?.translate();
  }
}
