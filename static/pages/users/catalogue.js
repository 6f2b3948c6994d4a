/** What a user can be given, as the broker's catalogue has it: types, and features in groups. */

/** Features by what they are for; what an operator's own catalogue adds comes under `other`. */
const GROUPS = Object.freeze({
  channels: ["agent_calls", "agent_email", "agent_sms", "agent_web_chat", "agent_social_media"],
  voice: ["recording", "conferencing", "user_voicemail"],
  desktop: ["padlock", "cti_integration"],
  products: ["view", "recorder"],
  users: ["essential_user", "professional_user", "agent_user_add_on"],
  clients: ["desktop_client", "crm_user_add_on"],
  supervisor: [
    "reports_supervisor", "insights_supervisor", "analytics_supervisor", "live_analytics_supervisor", "contact_centre_supervisor",
  ],
});

const OTHER = "other";

const groupOf = (key) => Object.keys(GROUPS).find((group) => GROUPS[group].includes(key)) ?? OTHER;

/** Of the rows of View Licences: what there is to give, and how much of it is left. */
export class Offer {
  #rows;

  /** @param {Object[]} rows */
  constructor(rows) {
    this.#rows = new Map(rows.map((row) => [row.licence, row]));
  }

  /**
   * @param {import("../../console/api.js").Api} api
   * @param {AbortSignal} [signal]
   */
  static async of(api, signal) {
    const { items } = await api.get("licences", { class: "user_type,feature,product" }, { signal });
    return new Offer(items);
  }

  /** @returns {Object[]} the rows of user types */
  get types() {
    return [...this.#rows.values()].filter((row) => row.class === "user_type");
  }

  /** @returns {{group: string, rows: Object[]}[]} features and products; no group is empty */
  get groups() {
    const features = [...this.#rows.values()].filter((row) => row.class !== "user_type");
    return [...Object.keys(GROUPS), OTHER]
      .map((group) => ({ group, rows: features.filter((row) => groupOf(row.licence) === group) }))
      .filter(({ rows }) => rows.length > 0);
  }

  /** @param {string} licence @param {import("../../i18n.js").Texts} texts */
  nameOf(licence, texts) {
    if (texts.has(`licence.${licence}`)) return texts.word("licence", licence);
    return this.#rows.get(licence)?.name ?? licence;
  }

  /**
   * How many more can be given; null where nothing bounds it but what is held at the same time.
   *
   * @param {string} licence
   * @returns {?{kind: "base"|"fixed", left: number}}
   */
  left(licence) {
    const row = this.#rows.get(licence);
    if (!row) return null;
    if (row.model === "fixed_seat") return { kind: "fixed", left: row.fixed.available };
    return row.class === "user_type" ? { kind: "base", left: row.base.available } : null;
  }
}
