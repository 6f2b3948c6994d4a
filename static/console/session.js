/** Who is signed in here, and with which token. It lives as long as its tab, and reloads do not end it. */

import { claimsOf } from "../access.js";
import { ApiError, call } from "./call.js";

const STORAGE_KEY = "licence-broker.session";
/** Before the end of a token this much is left to sign in again at leisure. */
const NOTICE_MS = 10 * 60 * 1000;
/** A token that is over within this is not worth sending. */
const MARGIN_MS = 5_000;
/** Timers take 32 bits; what ends later is looked at again then. */
const TIMER_MS_MAX = 2_147_483_647;

const ROLES = Object.freeze(["supervisor", "admin", "operator"]);

/**
 * Events: `ending` (the token is over soon), `renewed` (there is a new one). Whoever is asked for a new token is
 * asked by `askAnew`, which the console sets: it answers whether there is one now.
 */
export class Session extends EventTarget {
  #timers;
  #timer = null;
  #renewing = null;
  /** {token, role, organisation, user, expires_at_ms, source}, or null while nobody is signed in. */
  #held = null;

  /** Asks whoever sits there. @type {function(): Promise<boolean>} */
  askAnew = async () => false;

  /** @param {{setTimeout: function, clearTimeout: function}} timers that run in a hidden tab, too */
  constructor(timers) {
    super();
    this.#timers = timers;
    this.#held = remembered();
    if (this.#held) this.#watch();
  }

  get isOpen() {
    return this.#held !== null;
  }

  /** Whether the token is no longer good; the broker has the last word. */
  get isOver() {
    return Date.now() > (this.#held?.expires_at_ms ?? 0) - MARGIN_MS;
  }

  /** Whether it will be over soon. */
  get isEnding() {
    return Date.now() > (this.#held?.expires_at_ms ?? 0) - NOTICE_MS;
  }

  get token() {
    return this.#held?.token ?? null;
  }

  get role() {
    return this.#held?.role ?? null;
  }

  /** The number of the organisation that is looked at; null while an operator has chosen none. */
  get organisation() {
    return this.#held?.organisation ?? null;
  }

  get user() {
    return this.#held?.user ?? null;
  }

  get expires_at_ms() {
    return this.#held?.expires_at_ms ?? null;
  }

  /** Where the token is from: an `account` of the broker, a `demo`, or it was pasted (`token`). */
  get source() {
    return this.#held?.source ?? null;
  }

  /**
   * @param {{organisation: number|null, user: string, password: string, code: string}} proof
   * @throws {ApiError}
   */
  async signIn(proof) {
    const answer = await (await call("/v1/auth/login", { method: "POST", body: proof })).json();
    // Who signs in again goes on with the organisation that an operator looks at.
    const isSame = this.#held?.role === "operator" && answer.role === "operator";
    const organisation = answer.organisation ?? (isSame ? this.#held.organisation : null);
    this.#hold({ ...answer, organisation, expires_at_ms: Date.parse(answer.expires_at), source: "account" });
  }

  /**
   * A token that somebody else issued. Whoever is signed in goes on as they are: the page that is open is theirs.
   *
   * @param {string} token
   * @throws {ApiError} `not_a_token`, `not_for_people`, `not_the_same`, or what the broker says
   */
  async adopt(token) {
    const claims = claimsOf(token);
    if (!claims?.expires_at_ms) throw new ApiError(0, { type: "not_a_token", field: "token" });
    if (!ROLES.includes(claims.role)) throw new ApiError(0, { type: "not_for_people", field: "token" });
    if (this.#held && !this.#isSame(claims)) throw new ApiError(0, { type: "not_the_same", field: "token" });
    const isOperator = claims.role === "operator";
    const organisation = isOperator ? this.organisation : claims.organisation;
    const probe = organisation === null ? "/v1/organisations" : `/v1/organisations/${organisation}/licences`;
    await call(probe, { query: { limit: 1 }, token });
    this.#hold({ token, role: claims.role, organisation, user: claims.subject, expires_at_ms: claims.expires_at_ms, source: "token" });
  }

  #isSame({ subject, role, organisation }) {
    const isOwn = role === "operator" || organisation === this.#held.organisation;
    return isOwn && subject === this.#held.user && role === this.#held.role;
  }

  /**
   * A demonstration gives its tokens to everybody.
   *
   * @param {"admin"|"supervisor"} role
   * @throws {ApiError}
   */
  async enterDemo(role) {
    const { token } = await (await call("/demo/token", { method: "POST", body: { user: role, role } })).json();
    const { organisation, subject, expires_at_ms } = claimsOf(token);
    this.#hold({ token, role, organisation, user: subject, expires_at_ms, source: "demo" });
  }

  /** @param {number|null} organisation that an operator looks at from now on */
  chooseOrganisation(organisation) {
    this.#held = { ...this.#held, organisation };
    remember(this.#held);
  }

  /**
   * A new token instead of one that is over; asks once, however many wait for it.
   *
   * @param {string} spent the token that is over
   * @returns {Promise<boolean>} whether there is another now
   */
  renew(spent) {
    if (this.#held && this.#held.token !== spent) return Promise.resolve(true);
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #renew() {
    if (this.source === "demo") {
      try {
        await this.enterDemo(this.role);
        return true;
      } catch {
        return false;
      }
    }
    return this.askAnew();
  }

  signOut() {
    this.#timers.clearTimeout(this.#timer);
    this.#held = null;
    remember(null);
  }

  #hold({ token, role, organisation, user, expires_at_ms, source }) {
    this.#held = { token, role, organisation, user, expires_at_ms, source };
    remember(this.#held);
    this.#watch();
    this.dispatchEvent(new Event("renewed"));
  }

  #watch() {
    this.#timers.clearTimeout(this.#timer);
    const left_ms = this.#held.expires_at_ms - Date.now() - NOTICE_MS;
    const wait_ms = Math.min(Math.max(left_ms, 0), TIMER_MS_MAX);
    this.#timer = this.#timers.setTimeout(() => (wait_ms < left_ms ? this.#watch() : this.#end()), wait_ms);
  }

  #end() {
    if (this.source === "demo") this.renew(this.token);
    else this.dispatchEvent(new Event("ending"));
  }
}

/** Storage may be forbidden; then a reload asks again. */
function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(STORAGE_KEY));
  } catch {
    return null;
  }
}

function remember(held) {
  try {
    if (held) sessionStorage.setItem(STORAGE_KEY, JSON.stringify(held));
    else sessionStorage.removeItem(STORAGE_KEY);
  } catch {
    // nothing to do: see `remembered`
  }
}
