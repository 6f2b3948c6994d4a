/** The agent desk: one client, logged in and out by hand, and what the broker says to it. */

import { FEATURES, isSeat, rankOf } from "../catalogue.js";
import { LicenceBrokerClient } from "../client.js";
import { closingText } from "../closing.js";

const LOG_MAX = 50;
const COUNTDOWN_EVERY_MS = 500;
/** They come every few seconds and tell a reader nothing. */
const UNLOGGED = new Set(["ping", "pong"]);

export class Desk {
  #texts;
  #root;
  #settings;
  #client = null;
  /** Answers the sentence below the buttons, so that a change of language finds it again; null for none. */
  #message = null;
  #retryAt_ms = null;
  #countdown = null;

  /** `settings`: {url, organisation, users, getToken(user), timers}. */
  constructor({ root, texts, settings }) {
    this.#root = root;
    this.#texts = texts;
    this.#settings = settings;
  }

  start(signal) {
    this.#fillUsers();
    this.#root.hidden = false;
    this.#on("#desk-form", "submit", () => this.#login(), signal);
    this.#on("#desk-acquire-form", "submit", () => this.#acquire(), signal);
    this.#on("#desk-logout", "click", () => this.#logout(), signal);
    this.#on("#desk-close", "click", () => this.#client.close(), signal);
    this.#on("#desk-user", "change", () => this.#fillFeatures(), signal);
    this.#on("#desk-grace-on", "change", () => this.#draw(), signal);
    this.#countdown = setInterval(() => this.#drawMessage(), COUNTDOWN_EVERY_MS);
    this.translate();
  }

  stop() {
    clearInterval(this.#countdown);
    this.#client?.close();
  }

  translate() {
    this.#fillFeatures();
    this.#draw();
  }

  // ---- what the person does ---------------------------------------------------------------------

  async #login() {
    const user = this.#find("#desk-user").value;
    this.#client?.close();
    this.#client = this.#newClient(user);
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
    const wait = this.#find("#desk-wait").checked;
    await this.#try(this.#client.acquire([this.#find("#desk-feature").value], { wait }));
  }

  async #release(licence) {
    await this.#try(this.#client.release([licence]));
  }

  async #try(request) {
    try {
      await request;
      this.#say(null);
    } catch (error) {
      this.#say(() => this.#texts.word("error", error.code));
    }
    this.#draw();
  }

  // ---- what the client tells --------------------------------------------------------------------

  #newClient(user) {
    const { url, organisation, getToken, timers } = this.#settings;
    const device = this.#root.querySelector('[name="device"]:checked').value;
    const client = new LicenceBrokerClient({ url, organisation, device, getToken: () => getToken(user), timers });
    const listen = (type, listener) => client.addEventListener(type, (event) => {
      if (client === this.#client) listener(event.detail);
    });
    listen("state", ({ state }) => {
      if (state === "live") this.#say(null); // what was said about the lost connection is over
      this.#draw();
    });
    listen("granted", () => this.#draw());
    listen("denied", () => this.#draw());
    listen("released", (detail) => this.#wasReleased(detail));
    listen("draining", ({ reconnect_within_s }) => {
      this.#say(() => this.#texts.t("desk.draining", { seconds: reconnect_within_s }));
    });
    listen("closed", (detail) => this.#wasClosed(detail));
    listen("error", ({ code }) => this.#say(() => this.#texts.word("error", code)));
    listen("frame", (frame) => this.#log(frame));
    return client;
  }

  #wasReleased({ licences, reason }) {
    if (reason !== "requested" && reason !== "logout") {
      this.#say(() => this.#texts.t("desk.released", {
        licences: licences.map((licence) => this.#texts.word("licence", licence)).join(", "),
        reason: this.#texts.word("released", reason),
      }));
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
    status.textContent = this.#texts.t(`state.${state}`);
    for (const control of this.#root.querySelectorAll("#desk-form :is(select, input:not(#desk-wait))")) {
      control.disabled = !away;
    }
    this.#find("#desk-grace").disabled = !away || !this.#find("#desk-grace-on").checked;
    this.#find("#desk-login").disabled = !away;
    this.#find("#desk-logout").disabled = away;
    this.#find("#desk-acquire").disabled = !live;
    if (live) this.#retryAt_ms = null;
    this.#drawSession();
    this.#drawMessage();
  }

  #drawSession() {
    const client = this.#client;
    const session = client?.session;
    this.#find("#desk-session").hidden = !session;
    this.#find("#desk-controls").hidden = !session;
    if (session) {
      this.#find("#session-user").textContent = this.#nameOf(session.user);
      this.#find("#session-device").textContent = this.#texts.word("device", session.device);
      this.#find("#session-id").textContent = session.session;
      this.#find("#session-heartbeat").textContent = this.#texts.t("session.seconds", { seconds: session.heartbeat_s });
      this.#find("#session-grace").textContent = session.grace_s
        ? this.#texts.t("session.seconds", { seconds: session.grace_s })
        : this.#texts.t("session.no_grace");
    }
    this.#drawChips(client);
  }

  #drawChips(client) {
    const granted = [...(client?.granted ?? [])].sort(byRank);
    const waiting = [...(client?.waiting ?? [])].sort((one, other) => rankOf(one) - rankOf(other));
    const denied = [...(client?.denied ?? [])].sort(byRank);
    this.#find("#desk-granted").replaceChildren(
      ...granted.map(([licence, pool]) => this.#chip(licence, "granted", pool, this.#texts.word("pool", pool))),
    );
    this.#find("#desk-waiting").replaceChildren(
      ...waiting.map((licence) => this.#chip(licence, "waiting", "", this.#texts.t("desk.in_queue"))),
    );
    this.#find("#desk-denied").replaceChildren(
      ...denied.map(([licence, reason]) => this.#chip(licence, "denied", reason, this.#texts.word("reason", reason))),
    );
    this.#find("#desk-waiting-part").hidden = waiting.length === 0;
    this.#find("#desk-denied-part").hidden = denied.length === 0;
  }

  #chip(licence, kind, word, said) {
    const chip = element("li", "chip");
    chip.dataset.licence = licence;
    chip.dataset.kind = kind;
    chip.dataset.word = word;
    chip.append(element("span", "chip-name", this.#texts.word("licence", licence)), element("span", "chip-word", said));
    if (kind !== "denied" && !isSeat(licence)) chip.append(this.#releaseButton(licence, kind));
    return chip;
  }

  #releaseButton(licence, kind) {
    const button = element("button", "chip-release", this.#texts.t(kind === "waiting" ? "desk.withdraw" : "desk.release"));
    button.type = "button";
    button.disabled = this.#client.state !== "live";
    button.setAttribute("aria-label", this.#texts.t("desk.release_of", { licence: this.#texts.word("licence", licence) }));
    button.addEventListener("click", () => this.#release(licence));
    return button;
  }

  #say(message) {
    this.#message = message;
    this.#drawMessage();
  }

  #drawMessage() {
    const parts = [this.#message?.()];
    if (this.#retryAt_ms !== null) {
      const seconds = Math.ceil((this.#retryAt_ms - performance.now()) / 1000);
      parts.push(seconds > 0 && this.#texts.t("desk.retry", { seconds }));
    }
    const text = this.#texts.sentences(parts);
    const message = this.#find("#desk-message");
    message.hidden = text === "";
    if (message.textContent !== text) message.textContent = text;
  }

  #log({ direction, message }) {
    if (UNLOGGED.has(message.type)) return;
    const log = this.#find("#desk-log");
    const line = element("li");
    line.dataset.direction = direction;
    line.dataset.type = message.type;
    line.append(
      element("time", "", this.#texts.time(new Date())),
      element("span", "log-arrow", direction === "out" ? "→" : "←"),
      element("code", "", JSON.stringify(message)),
    );
    log.prepend(line);
    while (log.children.length > LOG_MAX) log.lastElementChild.remove();
  }

  #fillUsers() {
    const options = this.#settings.users.map(({ user, name }) => {
      // Isolated, so that a name written from right to left does not move the brackets.
      const option = element("option", "", name === user ? user : `\u2068${name}\u2069 (${user})`);
      option.value = user;
      return option;
    });
    this.#find("#desk-user").replaceChildren(...options);
  }

  /** The user's own features first; the others are offered too, to see what the broker answers. */
  #fillFeatures() {
    const select = this.#find("#desk-feature");
    const chosen = select.value;
    const own = this.#settings.users.find(({ user }) => user === this.#find("#desk-user").value)?.features ?? [];
    const others = FEATURES.filter((feature) => !own.includes(feature));
    select.replaceChildren(
      ...this.#featureGroup("desk.features_own", own),
      ...this.#featureGroup(own.length ? "desk.features_other" : "desk.features_all", others),
    );
    if ([...select.options].some((option) => option.value === chosen)) select.value = chosen;
  }

  #featureGroup(title, features) {
    if (features.length === 0) return [];
    const group = element("optgroup");
    group.label = this.#texts.t(title);
    for (const feature of features) {
      const option = element("option", "", this.#texts.word("licence", feature));
      option.value = feature;
      group.append(option);
    }
    return [group];
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

const byRank = ([one], [other]) => rankOf(one) - rankOf(other);

function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
