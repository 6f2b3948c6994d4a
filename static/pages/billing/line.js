/** One line of a statement, opened: when its maximum was reached, who held the licences then, and what was bought. */

import { isAbort } from "../../console/api.js";
import { href } from "../../console/router.js";
import { h, said, setText } from "../../ui/dom.js";
import { explain } from "../../ui/form.js";
import { Table } from "../../ui/table.js";
import { money } from "./money.js";

/** Hidden while no line is open. */
export class Line {
  #context;
  /** What the API says of the line that is open; null for none. */
  #explanation = null;
  #error = null;
  #asking = null;
  #tables;
  #parts;

  element;

  constructor(context) {
    this.#context = context;
    const { texts } = context;
    const id = "billing-line-title";
    const title = h("h2", { id, tabindex: "-1" });
    const close = said(
      texts, "button", "billing.close",
      { type: "button", class: "small", id: "billing-line-close", onclick: () => this.#close() },
    );
    const story = h("p", { id: "billing-line-story" });
    const trouble = h("p", { class: "notice", role: "alert", hidden: true });
    const kept = said(texts, "p", "billing.not_kept", { class: "hint", hidden: true });
    this.#tables = { holders: this.#holdersTable(), bought: this.#boughtTable() };
    this.#parts = { title, story, trouble, kept };
    this.element = h("section", { class: "panel part", id: "billing-line", "aria-labelledby": id, hidden: true },
      h("div", { class: "section-head" }, title, close), trouble, story,
      this.#tables.holders.element, kept, this.#tables.bought.element);
  }

  /**
   * @param {?string} month null closes it
   * @param {?string} licence
   * @param {AbortSignal} signal
   */
  async open(month, licence, signal) {
    this.#asking?.abort();
    const before = this.#explanation;
    if (!month) {
      this.#explanation = null;
      this.#error = null;
      return this.#draw();
    }
    if (before?.month === month && before.line.licence === licence) return undefined;
    const asking = new AbortController();
    this.#asking = asking;
    try {
      this.#explanation = await this.#context.api.get(
        `billing/${month}/${encodeURIComponent(licence)}`, {}, { signal: AbortSignal.any([asking.signal, signal]) },
      );
      this.#error = null;
    } catch (error) {
      if (isAbort(error)) return undefined;
      this.#explanation = null;
      this.#error = error;
    }
    this.#draw();
    if (this.#explanation) this.#parts.title.focus();
    return undefined;
  }

  translate() {
    for (const table of Object.values(this.#tables)) table.translate();
    this.#draw();
  }

  #close() {
    const { month, line } = this.#explanation ?? {};
    this.#context.navigate("billing", { month });
    // Back to where it was opened.
    document.querySelector(`#billing-statement [data-key="${line?.licence}"] a`)?.focus();
  }

  #holdersTable() {
    const { texts, organisation } = this.#context;
    return new Table({
      texts,
      caption: "billing.holders",
      empty: "billing.no_holders",
      timeZone: organisation.time_zone,
      rowKey: ({ user, session }) => `${user} ${session}`,
      columns: [
        { key: "user", label: "billing.user", kind: "code", value: ({ user }) => user, cell: ({ user }) => h("bdi", {}, user) },
        { key: "device", label: "billing.device", value: ({ device }) => (device ? texts.word("device", device) : "") },
        { key: "acquired_at", label: "billing.since", kind: "time", value: (row) => row.acquired_at },
        { key: "pool", label: "billing.pool", value: ({ pool }) => (pool ? texts.word("pool", pool) : "") },
        {
          key: "session", label: "billing.session", kind: "code", value: ({ session }) => session,
          cell: ({ session }) => (session ? h("a", { href: href("usage", { session }) }, session) : "–"),
        },
      ],
    });
  }

  #boughtTable() {
    const { texts, organisation } = this.#context;
    const total = (key, label) => ({ key, label, kind: "number", value: (row) => row[key] });
    return new Table({
      texts,
      caption: "billing.bought_history",
      empty: "billing.nothing_bought",
      timeZone: organisation.time_zone,
      rowKey: ({ since }) => since,
      columns: [
        { key: "since", label: "billing.in_force", kind: "time", value: ({ since }) => since },
        total("base", "billing.base"), total("concurrent", "billing.concurrent"),
        total("contingency", "billing.contingency"), total("fixed", "billing.fixed"),
      ],
    });
  }

  #draw() {
    const { texts } = this.#context;
    const { title, story, trouble, kept } = this.#parts;
    this.element.hidden = this.#explanation === null && this.#error === null;
    trouble.hidden = this.#error === null;
    setText(trouble, this.#error ? explain(texts, this.#error) : "");
    if (!this.#explanation) return;
    const { line, holders, bought } = this.#explanation;
    setText(title, texts.word("licence", line.licence));
    setText(story, texts.sentences(this.#story()));
    const rows = holders.flatMap(({ user, sessions }) => (sessions.length > 0 ? sessions.map((session) => ({ user, ...session })) : [{ user }]));
    this.#tables.holders.setRows(rows);
    this.#tables.holders.element.hidden = line.contingency_max_used === 0;
    this.#tables.bought.setRows(bought);
    kept.hidden = !holders.some(({ sessions }) => sessions.length === 0);
  }

  /** Why there is this line, and what it comes to. */
  #story() {
    const { texts, organisation } = this.#context;
    const { line, bought } = this.#explanation;
    const { contingency_max_used: count, reached_at: at } = line;
    if (count === 0) return [texts.t("billing.story_none")];
    const inForce = bought.findLast(({ since }) => at && since <= at);
    const when = at ? texts.zoned(at, organisation.time_zone) : "";
    return [
      at && inForce
        ? texts.t("billing.story_reached", { time: when, concurrent: inForce.concurrent, users: inForce.concurrent + count, count })
        : texts.t("billing.story_count", { count }),
      texts.t("billing.story_fee"),
      line.amount === null
        ? texts.t("billing.story_no_price")
        : texts.t("billing.story_amount", { count, price: money(line.unit_price, texts), amount: money(line.amount, texts) }),
    ];
  }
}
