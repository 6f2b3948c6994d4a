/**
 * The live counts of one organisation: the subscription, kept alive, and the numbers as they now stand. An Analytics
 * Wallboard is sent the figures of each five minutes instead.
 *
 * Knows no page. Events: `state` ({state, code, reason, fate, retry_at_ms}) and `changed` ({licences}, or null for all).
 */

import { SUBPROTOCOL, fateOfClose, fullJitterDelay, movedUrl } from "./client.js";

const PING_MS = 10_000;
/** The ids of requests: the first ping asks only whether the subscription stands. */
const SUBSCRIBE_ID = 1;
const FIRST_PING_ID = 2;
const PING_ID = 3;
/** One and a half of what we ask for: a peer that is silent for longer is gone. */
const SILENCE_MS = 15_000;
const OPENING_MS = 10_000;
/** Over this long the boards of a building spread what they do for the same reason. */
const SPREAD_MS = 30_000;

/**
 * What it is doing: `connecting` for the first time, `live` with counts, `figures` with those of five minutes, `quiet`
 * while the first of these are waited for, `reconnecting`, `stopped` for good.
 * @typedef {"connecting"|"live"|"figures"|"quiet"|"reconnecting"|"stopped"} LiveState
 */

/** A subscription that keeps itself alive; see above. */
export class LiveCounts extends EventTarget {
  #home;
  /** Where it connects to next: home, or the node that it was sent to. */
  #url;
  #getToken;
  #timers;
  #socket = null;
  /** Fences what comes back late from an `await` of an earlier connection. */
  #run = 0;
  #attempt = 0;
  /** The token of this connection, and the last that was refused. */
  #token = null;
  #refused = null;
  /** Whether a token was of use since one was refused. */
  #tokenWorked = false;
  /** Whether counts came since the last five-minute figures. */
  #countsCame = false;
  #running = { ping: null, silence: null, retry: null, anew: null };

  /** Licence → its row, as the contract shapes it. */
  licences = new Map();
  seq = null;
  /** The last five-minute figures, `{start, end, licences}` with dates and a map of rows; null before the first. */
  figures = null;
  /** Which of the two the subscriber was sent last: `counts`, `figures`, or null before anything came. */
  kind = null;
  /** When the broker was last heard; null before the first frame. */
  heardAt = null;
  /** @type {LiveState} */
  state = "connecting";

  /**
   * @param {{url: string, organisation: number, getToken: (refused: ?string) => Promise<string>, timers: object}} settings
   *   `getToken` is asked for every connection, and told which token was refused last; `timers` as `timers.js` has them
   */
  constructor({ url, organisation, getToken, timers }) {
    super();
    this.#home = `${url}/v1/organisations/${organisation}/live`;
    this.#url = this.#home;
    this.#getToken = getToken;
    this.#timers = timers;
  }

  /** Connects, and stays connected. */
  start() {
    this.#setState("connecting");
    this.#connect();
  }

  /** Ends everything; nothing is told of it. */
  stop() {
    this.#run += 1;
    this.#hangUp();
    this.#stopTimer("retry");
  }

  async #connect() {
    const run = ++this.#run;
    let token;
    try {
      token = await this.#getToken(this.#refused);
    } catch {
      if (run === this.#run) this.#retry({ code: 1006, reason: "" });
      return;
    }
    if (run !== this.#run) return;
    this.#token = token;
    const socket = new WebSocket(this.#url, [SUBPROTOCOL]);
    this.#socket = socket;
    socket.onopen = () => {
      this.#send({ type: "subscribe", id: SUBSCRIBE_ID, token });
      // A wallboard of five-minute figures may hear nothing else for minutes.
      this.#send({ type: "ping", id: FIRST_PING_ID });
    };
    socket.onmessage = (event) => socket === this.#socket && this.#received(event.data);
    socket.onclose = (event) => socket === this.#socket && this.#closed(event);
    this.#startTimer("silence", () => this.#dropped(), OPENING_MS);
    this.#ping();
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #ping() {
    this.#startTimer("ping", () => {
      if (this.#socket.readyState === WebSocket.OPEN) this.#send({ type: "ping", id: PING_ID });
      this.#ping();
    }, PING_MS);
  }

  #received(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    this.heardAt = new Date();
    this.#startTimer("silence", () => this.#dropped(), SILENCE_MS);
    switch (message.type) {
      case "snapshot":
        return this.#snapshot(message);
      case "counts":
        return this.#counts(message);
      case "interval":
        return this.#interval(message);
      case "pong":
        // Only a connection that lasted shortens the back-off again.
        if (message.id === PING_ID) this.#attempt = 0;
        this.#tokenWorked = true;
        // A subscriber of the five-minute figures gets no snapshot, yet its connection is well.
        return this.seq === null && this.state !== "figures" && this.#setState("quiet");
    }
  }

  #snapshot({ seq, licences }) {
    this.seq = seq;
    this.licences = new Map(licences.map((row) => [row.licence, row]));
    this.kind = "counts";
    this.#countsCame = true;
    this.#tokenWorked = true;
    this.#setState("live");
    this.#emit("changed", { licences: null });
  }

  /** A count that does not follow the last one leaves the numbers unknown: only a new snapshot mends that. */
  #counts({ seq, licences }) {
    if (this.seq === null || seq !== this.seq + 1) return this.#dropped();
    this.seq = seq;
    this.#countsCame = true;
    for (const row of licences) this.licences.set(row.licence, row);
    this.#emit("changed", { licences: licences.map((row) => row.licence) });
  }

  #interval({ start, end, licences }) {
    this.figures = {
      start: new Date(start),
      end: new Date(end),
      licences: new Map(licences.map((row) => [row.licence, row])),
    };
    this.#tokenWorked = true;
    if (this.seq === null) {
      this.kind = "figures";
      this.#setState("figures");
    } else if (!this.#countsCame) {
      this.#subscribeAnew();
    }
    this.#countsCame = false;
    this.#emit("changed", { licences: null });
  }

  /**
   * Five minutes without a count are a quiet night, or the wallboard's user has lost what made it a live one: then the
   * broker goes on with figures alone and says nothing of it. Its answer to a new subscription tells.
   */
  #subscribeAnew() {
    this.#startTimer("anew", () => {
      this.#hangUp();
      this.#connect();
    }, Math.random() * SPREAD_MS);
  }

  #dropped() {
    this.#closed({ code: 1006, reason: "" });
  }

  #closed({ code, reason }) {
    this.#hangUp();
    this.#url = (code === 4002 ? movedUrl(reason, this.#url) : null) ?? this.#home;
    const fate = fateOfClose(code);
    // A new token is a new attempt, but only one after a token was of use: else we would ask for ever.
    const mayRenew = fate === "token" && this.#tokenWorked;
    if (fate === "token") {
      this.#tokenWorked = false;
      this.#refused = this.#token;
    }
    if (fate === "retry" || mayRenew) this.#retry({ code, reason });
    else this.#setState("stopped", { code, reason, fate });
  }

  #hangUp() {
    const socket = this.#socket;
    this.#socket = null;
    this.seq = null;
    this.#stopTimer("ping");
    this.#stopTimer("silence");
    this.#stopTimer("anew");
    socket?.close();
  }

  #retry({ code, reason }) {
    const delay_ms = fullJitterDelay(this.#attempt);
    this.#attempt += 1;
    this.#startTimer("retry", () => this.#connect(), delay_ms);
    this.#setState("reconnecting", { code, reason, fate: "retry", retry_at_ms: performance.now() + delay_ms });
  }

  #startTimer(name, work, delay_ms) {
    this.#stopTimer(name);
    this.#running[name] = this.#timers.setTimeout(work, delay_ms);
  }

  #stopTimer(name) {
    this.#timers.clearTimeout(this.#running[name]);
    this.#running[name] = null;
  }

  #setState(state, detail = {}) {
    this.state = state;
    this.#emit("state", { state, ...detail });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
