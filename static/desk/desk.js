/** The agent desk: one client, logged in and out by hand, and what the broker says to it. */

import { FEATURES } from "../catalogue.js";
import { LicenceBrokerClient } from "../client.js";
import { closingText } from "../closing.js";
import { h, setText } from "../ui/dom.js";
import { Chips } from "./chips.js";
import { logFrame } from "./log.js";
import { News } from "./news.js";

const COUNTDOWN_EVERY_MS = 500;
/** A token that cannot be renewed by itself is asked for this long before it ends. */
const WARN_OF_END_MS = 10 * 60 * 1000;

export class Desk {
  #texts;
  #root;
  #settings;
  #chips;
  #news;
  #client = null;
  /** A token that was pasted for the running session; the settings' own way before that. */
  #pasted = null;
  /** Answers the sentence above the session, so that a change of language finds it again; null for none. */
  #message = null;
  #retryAt_ms = null;
  #countdown = null;

  /**
   * @param {{root: HTMLElement, texts: import("../i18n.js").Texts, settings: object}} parts `settings`: {url, organisation,
   *   zone, users, getToken(user), renews, timers}; `renews`: whether `getToken` gives a new token each time
   */
  constructor({ root, texts, settings }) {
    this.#root = root;
    this.#texts = texts;
    this.#settings = settings;
    this.#chips = new Chips(texts, {
      release: (licence) => this.#try(this.#client.release([licence])),
      wait: (licence) => this.#try(this.#client.acquire([licence], { wait: true })),
      acquire: (licence) => this.#try(this.#client.acquire([licence])),
    });
    this.#news = new News(this.#find("#desk-news"), texts, settings.zone);
  }

  /** Shows the desk; everything but the session itself ends with the signal. */
  start(signal) {
    this.#fillUsers();
    this.#root.hidden = false;
    this.#on("#desk-form", "submit", () => this.#login(), signal);
    this.#on("#desk-acquire-form", "submit", () => this.#acquire(), signal);
    this.#on("#desk-renew-form", "submit", () => this.#renew(), signal);
    this.#on("#desk-logout", "click", () => this.#logout(), signal);
    this.#on("#desk-close", "click", () => this.#client.close(), signal);
    this.#on("#desk-user", "change", () => this.#fillFeatures(), signal);
    this.#on("#desk-grace-on", "change", () => this.#draw(), signal);
    this.#news.start(signal);
    this.#countdown = setInterval(() => this.#drawMessage(), COUNTDOWN_EVERY_MS);
    this.translate();
  }

  /** Ends the session with the desk. */
  stop() {
    clearInterval(this.#countdown);
    this.#client?.close();
  }

  /** After a change of language. */
  translate() {
    this.#fillFeatures();
    this.#news.draw();
    this.#draw();
  }

  // ---- what the person does ---------------------------------------------------------------------

  async #login() {
    const user = this.#find("#desk-user").value;
    this.#client?.close();
    this.#client = this.#newClient(user);
    this.#news.clear();
    this.#say(null);
    try {
      await this.#client.login({
        wait: this.#find("#desk-wait").checked,
        grace_s: this.#find("#desk-grace-on").checked ? Number(this.#find("#desk-grace").value) : 0,
      });
    } catch (error) {
      if (error.code === "no_token") this.#say(() => this.#texts.t("desk.no_token"));
      // every other end was told by the event `closed`
    }
  }

  async #logout() {
    try {
      const { confirmed } = await this.#client.logout();
      if (!confirmed) this.#say(() => this.#texts.t("desk.logout_unconfirmed"));
    } catch {
      // the event `closed` tells why
    }
  }

  async #acquire() {
    const wait = this.#find("#desk-acquire-wait").checked;
    await this.#try(this.#client.acquire([this.#find("#desk-feature").value], { wait }));
  }

  /** A token that ends sooner would end the session sooner: the broker alone judges it. */
  async #renew() {
    const input = this.#find("#desk-renew-token");
    this.#pasted = input.value.trim();
    await this.#try(this.#client.refresh());
    input.value = "";
  }

  async #try(request) {
    try {
      await request;
      this.#say(null);
    } catch (error) {
      // Where the session is over, `closed` has said more: this request was only lost with it.
      const isToldBetter = error.code === "connection_lost" && this.#client.state === "closed";
      if (!isToldBetter) this.#say(() => this.#texts.word("error", error.code));
    }
    this.#draw();
  }

  // ---- what the client tells --------------------------------------------------------------------

  #newClient(user) {
    const { url, organisation, timers } = this.#settings;
    const device = this.#root.querySelector('[name="device"]:checked').value;
    this.#pasted = null;
    const getToken = async () => this.#pasted ?? this.#settings.getToken(user);
    const client = new LicenceBrokerClient({ url, organisation, device, getToken, timers });
    const listen = (type, listener) => client.addEventListener(type, (event) => {
      if (client === this.#client) listener(event.detail);
    });
    listen("state", (detail) => this.#stateChanged(detail));
    listen("granted", (detail) => this.#wasGranted(detail));
    listen("denied", () => this.#draw());
    listen("released", (detail) => this.#wasReleased(detail));
    listen("draining", ({ reconnect_within_s }) => {
      const say = () => this.#texts.t("desk.draining", { seconds: reconnect_within_s });
      this.#news.add("other", say);
      this.#say(say);
    });
    listen("closed", (detail) => this.#wasClosed(detail));
    listen("error", ({ code }) => this.#say(() => this.#texts.word("error", code)));
    listen("frame", (frame) => {
      logFrame(this.#find("#desk-log"), frame, this.#texts.time(new Date(), this.#settings.zone));
      if (frame.message.type === "refreshed") this.#draw();
    });
    return client;
  }

  #stateChanged({ state, previous }) {
    if (state === "live") {
      this.#say(null); // what was said about the lost connection is over
      if (previous !== "connecting") this.#news.add("back", () => this.#texts.t("desk.resumed"));
    }
    if (state === "reconnecting") this.#news.add("lost", () => this.#texts.t("desk.lost"));
    this.#draw();
  }

  /** Only what was waited for is news: the rest was asked for a moment ago. */
  #wasGranted({ licences, why }) {
    if (why === "granted") {
      for (const { licence, pool } of licences) {
        this.#news.add("available", () => this.#texts.t("desk.available", {
          licence: this.#texts.word("licence", licence),
          pool: this.#texts.word("pool", pool),
        }));
      }
    }
    this.#draw();
  }

  #wasReleased({ licences, reason }) {
    if (reason !== "requested" && reason !== "logout") {
      const say = () => this.#texts.t("desk.released", {
        licences: licences.map((licence) => this.#texts.word("licence", licence)).join(", "),
        reason: this.#texts.word("released", reason),
      });
      this.#news.add("lost", say);
      this.#say(say);
    }
    this.#draw();
  }

  #wasClosed({ code, reason, fate, will_retry, retry_in_ms, refusal }) {
    this.#retryAt_ms = will_retry ? performance.now() + retry_in_ms : null;
    // The reason of a refusal came in its own message; the close repeats it at best.
    this.#say(() => closingText(this.#texts, { code, reason: refusal ?? reason, fate }));
    this.#draw();
  }

  // ---- drawing ----------------------------------------------------------------------------------

  #draw() {
    const state = this.#client?.state ?? "idle";
    const away = state === "idle" || state === "closed";
    const live = state === "live";
    const status = this.#find("#desk-state");
    status.dataset.state = state;
    setText(status, this.#texts.t(`state.${state}`));
    const hadFocus = this.#root.contains(document.activeElement);
    this.#find("#desk-choices").hidden = !away;
    this.#find("#desk-login").hidden = !away;
    this.#find("#desk-logout").hidden = away;
    this.#find("#desk-grace").disabled = !this.#find("#desk-grace-on").checked;
    this.#find("#desk-acquire").disabled = !live;
    this.#find("#desk-renew").disabled = !live;
    // What had the focus may have gone: it stays at what takes its place.
    if (hadFocus && !document.activeElement.checkVisibility()) this.#find(away ? "#desk-login" : "#desk-logout").focus();
    if (live) this.#retryAt_ms = null;
    this.#drawSession();
    this.#drawChips(live);
    this.#drawMessage();
  }

  #drawSession() {
    const session = this.#client?.session;
    this.#find("#desk-session").hidden = !session;
    this.#find("#desk-controls").hidden = !session;
    if (!session) return;
    const seconds = (number) => this.#texts.t("session.seconds", { seconds: number });
    const { tokenEnd_ms } = this.#client;
    const facts = {
      "#session-user": this.#nameOf(session.user),
      "#session-device": this.#texts.word("device", session.device),
      "#session-id": session.session,
      "#session-heartbeat": seconds(session.heartbeat_s),
      "#session-grace": session.grace_s ? seconds(session.grace_s) : this.#texts.t("session.no_grace"),
      "#session-token": tokenEnd_ms ? this.#texts.dateTime(new Date(tokenEnd_ms), this.#settings.zone) : "–",
    };
    for (const [selector, text] of Object.entries(facts)) setText(this.#find(selector), text);
    this.#find("#desk-renew-part").hidden = this.#settings.renews;
  }

  #drawChips(isLive) {
    const { granted = new Map(), waiting = new Set(), denied = new Map(), session = null } = this.#client ?? {};
    const named = (licence) => granted.has(licence) || waiting.has(licence) || denied.has(licence);
    const others = session ? this.#featuresOf(session.user).filter((licence) => !named(licence)) : [];
    const draw = (kind, licences) => {
      this.#chips.draw(this.#find(`#desk-${kind}`), kind, licences, isLive);
      this.#find(`#desk-${kind}-part`).hidden = kind !== "granted" && licences.length === 0;
    };
    draw("granted", [...granted]);
    draw("waiting", [...waiting].map((licence) => [licence, ""]));
    draw("denied", [...denied]);
    draw("other", others.map((licence) => [licence, ""]));
  }

  #say(message) {
    this.#message = message;
    this.#drawMessage();
  }

  #drawMessage() {
    const parts = [this.#message?.(), this.#hold(), this.#tokenWarning()];
    if (this.#retryAt_ms !== null) {
      const seconds = Math.ceil((this.#retryAt_ms - performance.now()) / 1000);
      parts.push(seconds > 0 && this.#texts.t("desk.retry", { seconds }));
    }
    const text = this.#texts.sentences(parts);
    const message = this.#find("#desk-message");
    message.hidden = text === "";
    setText(message, text);
  }

  /** While the connection is lost: what is still ours, and until when; and what the broker still keeps. */
  #hold() {
    const { state, heldUntil_ms, keptUntil_ms } = this.#client ?? {};
    if (state === "reconnecting" && heldUntil_ms) return this.#texts.t("desk.held_until", { time: this.#time(heldUntil_ms) });
    if (state !== "lapsed") return null;
    return keptUntil_ms && keptUntil_ms > Date.now()
      ? this.#texts.t("desk.kept_until", { time: this.#time(keptUntil_ms) })
      : this.#texts.t("desk.kept_no_longer");
  }

  #tokenWarning() {
    const { state, tokenEnd_ms } = this.#client ?? {};
    if (this.#settings.renews || state !== "live" || !tokenEnd_ms) return null;
    if (tokenEnd_ms - Date.now() > WARN_OF_END_MS) return null;
    return this.#texts.t("desk.token_ends", { time: this.#time(tokenEnd_ms) });
  }

  #time(instant_ms) {
    return this.#texts.time(new Date(instant_ms), this.#settings.zone);
  }

  // ---- who and what can be chosen -----------------------------------------------------------------

  #fillUsers() {
    const options = this.#settings.users.map(({ user, name }) => {
      // Isolated, so that a name written from right to left does not move the brackets.
      return h("option", { value: user }, name === user ? user : `\u2068${name}\u2069 (${user})`);
    });
    this.#find("#desk-user").replaceChildren(...options);
  }

  /** The user's own features first; the others are offered too, to see what the broker answers. */
  #fillFeatures() {
    const select = this.#find("#desk-feature");
    const chosen = select.value;
    const own = this.#featuresOf(this.#find("#desk-user").value);
    const others = FEATURES.filter((feature) => !own.includes(feature));
    select.replaceChildren(
      ...this.#featureGroup("desk.features_own", own),
      ...this.#featureGroup(own.length ? "desk.features_other" : "desk.features_all", others),
    );
    if ([...select.options].some((option) => option.value === chosen)) select.value = chosen;
  }

  #featureGroup(title, features) {
    if (features.length === 0) return [];
    const options = features.map((value) => h("option", { value }, this.#texts.word("licence", value)));
    return [h("optgroup", { label: this.#texts.t(title) }, options)];
  }

  #featuresOf(user) {
    return this.#settings.users.find((one) => one.user === user)?.features ?? [];
  }

  #nameOf(user) {
    return this.#settings.users.find((one) => one.user === user)?.name ?? user;
  }

  #find(selector) {
    return this.#root.querySelector(selector);
  }

  #on(selector, type, work, signal) {
    this.#find(selector).addEventListener(type, (event) => {
      event.preventDefault();
      work();
    }, { signal });
  }
}
