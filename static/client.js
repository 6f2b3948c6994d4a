/**
 * Licence Broker client: one device, one session, over the WebSocket protocol `licence-broker.v1`.
 *
 * One file, no dependency; for browsers and for Node 20+ (hand in a WebSocket class there).
 *
 *     const client = new LicenceBrokerClient({
 *       url: "wss://broker.example", organisation: 129, device: "agent_desktop",
 *       getToken: async () => (await fetch("/my/token")).text(),
 *     });
 *     client.addEventListener("granted", (event) => enable(event.detail.licences));
 *     client.addEventListener("released", (event) => disable(event.detail.licences));
 *     await client.login({ channels: ["agent_email"], wait: true, grace_s: 20 });
 *
 * An application that follows `granted` and `released` alone is always right about what it may do:
 * both are also sent when the client itself judges that its licences are gone (silence of the broker)
 * or are back (resumed). Types of everything are in `client.d.ts`.
 */

export const SUBPROTOCOL = "licence-broker.v1";

/** Requests that may wait for an answer at the same time; one more is refused with `too_many_requests`. */
const PENDING_MAX = 64;
/** Silent sockets that are kept open until a resume succeeds; see `#setAside`. */
const STRAYS_MAX = 8;
/** The share of `heartbeat_s` after which silence means that the licences are gone. */
const LEASE_FACTOR = 1.5;
/** The longest back-off, but for a session with grace. */
const BACKOFF_MS_MAX = 30_000;
/** The broker closes after `logged_out`; a client does not wait for it longer than this. */
const GOODBYE_MS = 2_000;
const REFRESH_RETRY_MS = 30_000;
/** How often in a row a connection without a session is sent on (4002) before that looks like a circle. */
const HOPS_MAX = 4;
/**
 * Nodes that send us to each other do not agree yet, as when one has died and its lease has not: that is over within
 * seconds, so for some attempts the back-off does not grow.
 */
const UNSETTLED_MS = 1_000;
const UNSETTLED_MAX = 8;
/** How long the question which node has the organisation may take; without an answer the connection will tell. */
const ENDPOINT_MS = 2_000;
/** What a socket's address ends with, whatever a balancer puts before it. */
const SOCKET_PATH = /\/v1\/organisations\/\d+\/(session|live)$/;
/** Timers take 32 bits; a token that lives longer is simply looked at again. */
const TIMER_MS_MAX = 2_147_483_647;

const FATE_OF_CODE = Object.freeze({
  1000: "stop",
  1001: "retry",
  1009: "stop",
  4010: "ask",
  4011: "ask",
  4502: "token",
  4506: "token",
  4508: "login",
});

/** No close code of the broker: the connection was cut, or something between was in trouble. */
const CUT_CODES = Object.freeze([1005, 1006, 1011, 1012, 1013, 1014]);

/** Codes after which the licences are released for a reason that the code alone tells. */
const RELEASE_REASON_OF_CODE = Object.freeze({
  1000: "logout",
  4504: "superseded",
  4505: "forced",
  4506: "token_expired",
});

/**
 * What a client does after a close: `retry` by itself, `ask` the person, get a new `token`,
 * `login` anew, or `stop`. Only `retry` is done by the client alone.
 */
export function fateOfClose(code) {
  const fate = FATE_OF_CODE[code];
  if (fate) return fate;
  if (code >= 4000 && code <= 4499) return "retry";
  return CUT_CODES.includes(code) ? "retry" : "stop";
}

/** Full jitter: anything between nothing and the exponential bound, so that a herd spreads out. */
export function fullJitterDelay(attempt, { base_ms = 500, max_ms = BACKOFF_MS_MAX, random = Math.random } = {}) {
  return Math.round(random() * Math.min(max_ms, base_ms * 2 ** Math.min(attempt, 30)));
}

/**
 * Where close code 4002 sends us. The reason names the other node: as http(s) or ws(s), with or without a prefix of a
 * balancer's, with or without the socket's path. Null if it is no such address, or if it would carry a token from an
 * encrypted to a plain connection.
 */
export function movedUrl(reason, current) {
  let target;
  try {
    target = new URL(reason);
  } catch {
    return null;
  }
  const present = new URL(current);
  const scheme = { "http:": "ws:", "https:": "wss:", "ws:": "ws:", "wss:": "wss:" }[target.protocol];
  if (!scheme || (present.protocol === "wss:" && scheme === "ws:")) return null;
  const prefix = target.pathname.replace(SOCKET_PATH, "").replace(/\/+$/, "");
  const [path] = present.pathname.match(SOCKET_PATH) ?? [present.pathname];
  return `${scheme}//${target.host}${prefix}${path}`;
}

/** When a token ends, in milliseconds since 1970, or null if it does not say. Read only to renew in time. */
export function expiryOfToken(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { exp } = JSON.parse(atob(payload));
    return Number.isFinite(exp) ? exp * 1000 : null;
  } catch {
    return null;
  }
}

/** `code` is the broker's error code or reason, or one of the client's own; see `client.d.ts`. */
export class LicenceBrokerError extends Error {
  constructor(code, message, details = {}) {
    super(message);
    this.name = "LicenceBrokerError";
    this.code = code;
    Object.assign(this, details);
  }
}

/** What the session has, as last told by the broker. Every change answers what is new and what is gone. */
class Holdings {
  granted = new Map();
  denied = new Map();
  waiting = new Set();

  replace({ granted = [], denied = [], waiting = [] }) {
    const before = this.granted;
    this.granted = new Map(granted.map(({ licence, pool }) => [licence, pool]));
    this.denied = new Map(denied.map(({ licence, reason }) => [licence, reason]));
    this.waiting = new Set(waiting);
    return {
      added: granted.filter(({ licence, pool }) => before.get(licence) !== pool),
      gone: [...before.keys()].filter((licence) => !this.granted.has(licence)),
    };
  }

  merge({ granted = [], denied = [], waiting = [] }) {
    for (const { licence, pool } of granted) {
      this.granted.set(licence, pool);
      this.denied.delete(licence);
      this.waiting.delete(licence);
    }
    for (const { licence, reason } of denied) this.denied.set(licence, reason);
    for (const licence of waiting) {
      this.waiting.add(licence);
      this.denied.delete(licence);
    }
  }

  /** Why a login was refused can still be read after it. */
  clear({ keepDenied }) {
    this.granted.clear();
    this.waiting.clear();
    if (!keepDenied) this.denied.clear();
  }

  remove(licences) {
    for (const licence of licences) {
      this.granted.delete(licence);
      this.waiting.delete(licence);
    }
  }
}

export class LicenceBrokerClient extends EventTarget {
  #settings;
  #timers;
  /** Where the caller said that the broker is: one address, or several. */
  #homes;
  /** Where we connect to next, or are. */
  #url;
  /** Where the last session was; null before the first. */
  #lastGoodUrl = null;
  /** Where we were sent on from, in a row and without a session. */
  #hops = new Set();
  /** How often in a row nodes did not agree. */
  #unsettled = 0;

  #state = "idle";
  #holdings = new Holdings();
  /** The present connection; replaced, never reused. */
  #socket = null;
  /** Silent sockets set aside until a resume has succeeded. */
  #strays = new Set();
  /** Counts attempts to connect; an `await` that comes back under an older number does nothing. */
  #run = 0;
  /** Failed attempts since the connection last proved good; grows the back-off. */
  #attempt = 0;
  #drainWindow_ms = 0;

  /** What the caller asked for at login; sent again until there is a session. */
  #wish = null;
  /** Session and resume token; there from `logged_in` to the end of the session. */
  #ticket = null;
  /** Settles the promise of `login` or `resume`. */
  #opening = null;
  #refusal = null;
  #leaving = false;
  #details = null;

  #nextId = 1;
  /** id → what settles the request; emptied when the connection is lost. */
  #pending = new Map();
  #heard = { monotonic_ms: 0, wall_ms: 0 };
  #expiry_ms = null;
  /** While the connection is lost: see the getters of these names. */
  #heldUntil_ms = null;
  #keptUntil_ms = null;
  #running = { answer: null, beat: null, lease: null, retry: null, refresh: null, goodbye: null };

  constructor(settings) {
    super();
    const { url, organisation, device, getToken } = settings;
    const urls = [url].flat();
    if (!urls.length || !urls.every(Boolean) || !organisation || !device || typeof getToken !== "function") {
      throw new TypeError("url, organisation, device and getToken are needed");
    }
    this.#settings = { answer_timeout_ms: 10_000, backoff: {}, WebSocket: globalThis.WebSocket, ...settings };
    this.#settings.fetch ??= (...request) => globalThis.fetch(...request);
    // Wrapped: a browser's own functions refuse to be called as methods of another object.
    this.#timers = settings.timers ?? {
      setTimeout: (work, delay_ms) => setTimeout(work, delay_ms),
      clearTimeout: (timer) => clearTimeout(timer),
    };
    this.#homes = urls.map((home) => `${home.replace(/\/+$/, "")}/v1/organisations/${organisation}/session`);
    this.#url = this.#homes[0];
  }

  get state() {
    return this.#state;
  }

  /** What the device may act on *now*: empty while the licences are treated as gone. */
  get granted() {
    return this.#believesItsLicences() ? new Map(this.#holdings.granted) : new Map();
  }

  get denied() {
    return new Map(this.#holdings.denied);
  }

  get waiting() {
    return new Set(this.#holdings.waiting);
  }

  /** `{session, user, device, heartbeat_s, grace_s}` of the session, or null. */
  get session() {
    return this.#details;
  }

  /** While `reconnecting`: until when the licences may be used although there is no connection; else null. */
  get heldUntil_ms() {
    return this.#heldUntil_ms;
  }

  /**
   * Without a connection: until when, at least, the broker keeps the session for a resume; null where there is a
   * connection, or the session has no grace. It may keep it for longer, as it may notice the loss later.
   */
  get keptUntil_ms() {
    return this.#keptUntil_ms;
  }

  /** When the present token ends; null if it does not say. */
  get tokenEnd_ms() {
    return this.#expiry_ms;
  }

  /** To be kept by a caller that wants to `resume` after a restart of its own; as secret as a password. */
  get ticket() {
    return this.#ticket && { ...this.#ticket };
  }

  /** Connects and logs in; goes on trying until logged in, refused, or told to `close`. */
  login({ channels, wait = false, grace_s = 0 } = {}) {
    this.#wish = { device: this.#settings.device, ...(channels && { channels }), wait, grace_s };
    return this.#begin(null);
  }

  /** Continues a session whose `ticket` the caller kept. Losses of connection are resumed without being asked. */
  resume(ticket) {
    return this.#begin({ session: ticket.session, resume_token: ticket.resume_token });
  }

  acquire(channels, { wait = false } = {}) {
    return this.#request({ type: "acquire", channels, wait });
  }

  release(channels) {
    return this.#request({ type: "release", channels });
  }

  /** Renews the token; done by itself in time when the token says when it ends. */
  async refresh() {
    const token = await this.#settings.getToken();
    const answer = await this.#request({ type: "refresh", token });
    const expiry_ms = Date.parse(answer.expires_at);
    // The same token once more (one pasted by hand, say) gains nothing and is not asked for again.
    if (this.#expiry_ms === null || expiry_ms > this.#expiry_ms) this.#planRefresh(expiry_ms);
    return { expires_at: answer.expires_at };
  }

  /** Answers the round trip in milliseconds. */
  async ping() {
    const sent_ms = performance.now();
    await this.#request({ type: "ping" });
    return performance.now() - sent_ms;
  }

  /** Without a connection nothing can be told to the broker: `confirmed` is false and the grace runs out there. */
  async logout() {
    if (this.#state !== "live") {
      this.close();
      return { released: [], confirmed: false };
    }
    this.#leaving = true;
    try {
      const { released } = await this.#request({ type: "logout" });
      this.#start("goodbye", () => this.close(), GOODBYE_MS);
      return { released, confirmed: true };
    } catch (cause) {
      this.close(); // unanswered: the close frame says the same once more
      throw cause;
    }
  }

  /** Ends everything at once. The close frame that this sends is a logout to the broker, grace or not. */
  close() {
    if (this.#state === "idle" || this.#state === "closed") return;
    this.#leaving = true;
    const socket = this.#socket;
    this.#finish(1000, "");
    socket?.close(1000);
  }

  // ---- opening ----------------------------------------------------------------------------------

  #begin(ticket) {
    if (this.#state !== "idle" && this.#state !== "closed") {
      return Promise.reject(new LicenceBrokerError("already_logged_in", "this client is in use; log out first"));
    }
    this.#ticket = ticket;
    this.#url = this.#homes[0];
    this.#lastGoodUrl = null;
    this.#hops.clear();
    this.#unsettled = 0;
    this.#attempt = 0;
    this.#drainWindow_ms = 0;
    this.#refusal = null;
    this.#leaving = false;
    this.#holdings = new Holdings();
    this.#setState("connecting");
    const opened = new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
    });
    this.#connect();
    return opened;
  }

  async #connect() {
    const run = ++this.#run;
    let token;
    try {
      token = await this.#settings.getToken();
    } catch (cause) {
      if (run === this.#run) this.#withoutToken(cause);
      return;
    }
    if (run !== this.#run) return;
    this.#planRefresh(expiryOfToken(token));
    if (this.#settings.ask_endpoint && this.#homes.includes(this.#url)) {
      const owner = await this.#ownerUrl(token);
      if (run !== this.#run) return;
      this.#url = owner ?? this.#url;
    }
    try {
      this.#open(token);
    } catch (cause) {
      this.#emit("error", { code: "cannot_connect", message: String(cause?.message ?? cause) });
      this.#connectionLost(1006, "");
    }
  }

  /** The first login needs a token, and its caller hears why there is none; a running session tries again. */
  #withoutToken(cause) {
    const message = String(cause?.message ?? cause);
    this.#emit("error", { code: "no_token", message });
    if (!this.#opening) return this.#connectionLost(1006, "");
    this.#refusal = new LicenceBrokerError("no_token", message, { cause });
    this.#finish(1000, "");
  }

  /** The node that has the organisation, by its own account; null if that is not to be had: then 4002 will tell. */
  async #ownerUrl(token) {
    const abort = new AbortController();
    const timer = this.#timers.setTimeout(() => abort.abort(), ENDPOINT_MS);
    try {
      const address = this.#url.replace(/^ws/, "http").replace(/session$/, "endpoint");
      const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
      const answer = await this.#settings.fetch(address, { headers, signal: abort.signal, cache: "no-store" });
      if (!answer.ok) return null;
      const { here, url } = await answer.json();
      // Who answered has it: what leads there may know it by another name than its own.
      return here ? null : movedUrl(url, this.#url);
    } catch {
      return null;
    } finally {
      this.#timers.clearTimeout(timer);
    }
  }

  #open(token) {
    const socket = new this.#settings.WebSocket(this.#url, [SUBPROTOCOL]);
    this.#socket = socket;
    socket.onopen = () => this.#send(this.#firstMessage(token), socket);
    socket.onmessage = (event) => this.#received(socket, event.data);
    socket.onclose = (event) => this.#socketClosed(socket, event.code, event.reason);
    socket.onerror = () => {}; // a close always follows, and says more
    this.#start("answer", () => this.#unanswered(socket), this.#settings.answer_timeout_ms);
  }

  #firstMessage(token) {
    const id = this.#nextId++;
    return this.#ticket
      ? { type: "resume", id, token, ...this.#ticket }
      : { type: "login", id, token, ...this.#wish };
  }

  #unanswered(socket) {
    this.#setAside(socket);
    this.#connectionLost(1006, "");
  }

  #sessionOpened(message) {
    this.#stop("answer");
    this.#stop("lease");
    this.#drainWindow_ms = 0;
    this.#heldUntil_ms = null;
    this.#keptUntil_ms = null;
    this.#lastGoodUrl = this.#url;
    this.#hops.clear();
    this.#unsettled = 0;
    const { session, resume_token, user, device, heartbeat_s, grace_s = 0 } = message;
    this.#ticket = { session, resume_token: resume_token ?? this.#ticket?.resume_token };
    this.#details = { session, user, device, heartbeat_s, grace_s };
    this.#dropStrays();
    const { added, gone } = this.#holdings.replace(message);
    // Back from silence all of it is news to the application, not only what changed meanwhile.
    const news = this.#state === "lapsed" ? message.granted : added;
    const lost = this.#state === "lapsed" ? [] : gone;
    this.#setState("live");
    if (lost.length) this.#emit("released", { licences: lost, reason: "connection_lost" });
    this.#emitGranted(news ?? [], message.type);
    if (message.denied?.length) this.#emit("denied", { licences: message.denied });
    this.#beat();
    this.#watchLease();
    this.#opening?.resolve(message);
    this.#opening = null;
  }

  // ---- messages ---------------------------------------------------------------------------------

  #request(message) {
    if (this.#state !== "live") {
      return Promise.reject(new LicenceBrokerError("not_connected", "there is no live session"));
    }
    if (this.#pending.size >= PENDING_MAX) {
      return Promise.reject(new LicenceBrokerError("too_many_requests", `${PENDING_MAX} requests are unanswered`));
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = this.#timers.setTimeout(() => {
        this.#pending.delete(id);
        reject(new LicenceBrokerError("timeout", `no answer to ${message.type}; it may have been done`));
      }, this.#settings.answer_timeout_ms);
      this.#pending.set(id, { resolve, reject, timer });
      this.#send({ ...message, id });
    });
  }

  #send(message, socket = this.#socket) {
    socket.send(JSON.stringify(message));
    this.#emitFrame("out", message);
  }

  #received(socket, data) {
    if (socket !== this.#socket) return; // set aside: what it says was overtaken by the resume
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      this.#emit("error", { code: "bad_frame", message: "the broker sent something that is not JSON" });
      return;
    }
    this.#emitFrame("in", message);
    // A frame after too long a silence (a laptop that slept) does not bring the licences back.
    if (this.#state === "live" && this.#silence_ms() >= this.#lease_ms()) return this.#lapse();
    this.#heard = { monotonic_ms: performance.now(), wall_ms: Date.now() };
    this.#handle(message);
    this.#settle(message);
  }

  /** Messages of a later broker that are not known here are ignored, as the contract asks. */
  #handle(message) {
    switch (message.type) {
      case "logged_in":
      case "resumed":
        return this.#sessionOpened(message);
      case "login_refused":
        this.#refusal = new LicenceBrokerError(message.reason, `login refused: ${message.reason}`, {
          denied: message.denied ?? [],
        });
        this.#holdings.merge({ denied: message.denied });
        if (message.denied?.length) this.#emit("denied", { licences: message.denied });
        return;
      case "acquired":
        return this.#acquired(message);
      case "granted":
        this.#holdings.merge({ granted: message.licences });
        return this.#emitGranted(message.licences, "granted");
      case "released":
        return this.#released(message.licences, message.reason);
      case "logged_out":
        return this.#released(message.released, "logout");
      case "pong":
        this.#attempt = 0; // only a connection that lasted shortens the back-off again
        return;
      case "draining":
        this.#drainWindow_ms = message.reconnect_within_s * 1000;
        return this.#emit("draining", { reconnect_within_s: message.reconnect_within_s });
      case "error":
        return this.#emit("error", { code: message.code, message: message.message, id: message.id });
    }
  }

  #acquired(message) {
    this.#holdings.merge(message);
    this.#emitGranted(message.granted ?? [], "acquired");
    if (message.denied?.length) this.#emit("denied", { licences: message.denied });
  }

  #released(licences, reason) {
    this.#holdings.remove(licences);
    this.#emit("released", { licences, reason });
  }

  #settle(message) {
    const request = this.#pending.get(message.id);
    if (!request) return;
    this.#pending.delete(message.id);
    this.#timers.clearTimeout(request.timer);
    if (message.type === "error") request.reject(new LicenceBrokerError(message.code, message.message));
    else request.resolve(message);
  }

  // ---- life and silence -------------------------------------------------------------------------

  /** A browser cannot see protocol pings, so the client asks for a frame twice in each heartbeat. */
  #beat() {
    this.#start("beat", () => {
      this.#send({ type: "ping", id: this.#nextId++ });
      this.#beat();
    }, this.#details.heartbeat_s * 500);
  }

  #watchLease() {
    this.#start("lease", () => {
      if (this.#silence_ms() >= this.#lease_ms()) this.#lapse();
      else this.#watchLease();
    }, Math.max(1, this.#lease_ms() - this.#silence_ms()));
  }

  #lease_ms() {
    return this.#details.heartbeat_s * 1000 * LEASE_FACTOR;
  }

  /** The longer of two clocks: one may stand still while the machine sleeps, the other may be set back. */
  #silence_ms() {
    return Math.max(performance.now() - this.#heard.monotonic_ms, Date.now() - this.#heard.wall_ms);
  }

  /** The broker is silent: nothing may be done with the licences until a resume has succeeded. */
  #lapse() {
    this.#setAside(this.#socket);
    this.#connectionLost(1006, "silence");
  }

  #giveUpLicences(reason) {
    this.#stop("lease");
    this.#heldUntil_ms = null;
    const licences = [...this.#holdings.granted.keys()];
    this.#setState("lapsed");
    if (licences.length) this.#emit("released", { licences, reason });
  }

  #believesItsLicences() {
    return this.#state === "live" || this.#state === "reconnecting";
  }

  /**
   * A silent socket must not be closed: its close frame could still arrive, and would log the session out that
   * the next connection is about to resume. The broker itself closes it (4504) once that has happened.
   */
  #setAside(socket) {
    this.#socket = null;
    const mayLogOut = this.#ticket && socket.readyState !== this.#settings.WebSocket.CONNECTING;
    if (!mayLogOut) return socket.close();
    this.#strays.add(socket);
    if (this.#strays.size <= STRAYS_MAX) return;
    const [oldest] = this.#strays;
    this.#strays.delete(oldest);
    oldest.close();
  }

  #dropStrays() {
    for (const stray of this.#strays) stray.close();
    this.#strays.clear();
  }

  // ---- losing the connection --------------------------------------------------------------------

  #socketClosed(socket, code, reason) {
    this.#strays.delete(socket);
    if (socket === this.#socket) this.#connectionLost(code, reason);
  }

  #connectionLost(code, reason) {
    const wasOpen = this.#state === "live";
    this.#socket = null;
    this.#stop("answer");
    this.#stop("beat");
    this.#rejectPending(code, reason);
    if (this.#leaving || this.#refusal || fateOfClose(code) !== "retry") return this.#finish(code, reason);
    const target = code === 4002 ? movedUrl(reason, this.#url) : null;
    const goes = target !== null && this.#mayGoTo(target);
    this.#url = goes ? target : this.#elsewhere();
    if (wasOpen) this.#holdOn(reason);
    // Who comes to the wrong node comes alone and goes on at once; a whole organisation that moves spreads out.
    this.#retry(code, reason, { at_once: goes && !wasOpen, unsettled: target !== null && !goes });
  }

  /** Not where we have just been, and not for ever. */
  #mayGoTo(url) {
    this.#hops.add(this.#url);
    return !this.#hops.has(url) && this.#hops.size <= HOPS_MAX;
  }

  /** Where to try next when nobody said where: each home in turn, and where the last session was. */
  #elsewhere() {
    this.#hops.clear();
    const places = [...new Set([...this.#homes, this.#lastGoodUrl ?? this.#homes[0]])];
    return places[(places.indexOf(this.#url) + 1) % places.length];
  }

  /** Between the loss and the resume the licences are ours as long as the lease and the grace both last. */
  #holdOn(reason) {
    const grace_ms = this.#details.grace_s * 1000;
    if (grace_ms > 0) this.#keptUntil_ms = this.#heard.wall_ms + grace_ms;
    const left_ms = Math.min(this.#lease_ms() - this.#silence_ms(), grace_ms);
    if (left_ms <= 0) return this.#giveUpLicences(reason === "silence" ? "silence" : "connection_lost");
    this.#heldUntil_ms = Date.now() + left_ms;
    this.#setState("reconnecting");
    this.#start("lease", () => this.#giveUpLicences("connection_lost"), left_ms);
  }

  #retry(code, reason, { at_once, unsettled }) {
    const window_ms = this.#drainWindow_ms;
    this.#drainWindow_ms = 0;
    const backoff = { ...this.#settings.backoff };
    if (window_ms) backoff.base_ms = window_ms;
    // Whoever waits for longer than the grace comes back to nothing: two attempts fit into it.
    const grace_ms = (this.#details?.grace_s ?? 0) * 1000;
    if (grace_ms) backoff.max_ms = Math.min(backoff.max_ms ?? BACKOFF_MS_MAX, grace_ms / 2);
    const soon = unsettled && ++this.#unsettled <= UNSETTLED_MAX;
    if (soon) backoff.base_ms = UNSETTLED_MS;
    const retry_in_ms = at_once ? 0 : fullJitterDelay(window_ms || soon ? 0 : this.#attempt, backoff);
    if (!at_once && !soon) this.#attempt += 1;
    this.#start("retry", () => this.#connect(), retry_in_ms);
    this.#emit("closed", { code, reason, fate: "retry", will_retry: true, retry_in_ms, attempt: this.#attempt });
  }

  /** The one way out of a session, whoever ends it. */
  #finish(code, reason) {
    this.#run += 1;
    for (const name of Object.keys(this.#running)) this.#stop(name);
    this.#rejectPending(code, reason);
    this.#socket = null;
    this.#dropStrays();
    const licences = [...this.granted.keys()];
    const fate = this.#leaving ? "stop" : fateOfClose(code);
    const refusal = this.#refusal;
    this.#holdings.clear({ keepDenied: refusal !== null });
    this.#ticket = null;
    this.#details = null;
    this.#heldUntil_ms = null;
    this.#keptUntil_ms = null;
    this.#expiry_ms = null;
    this.#setState("closed");
    if (licences.length) this.#emit("released", { licences, reason: releaseReason(code, reason) });
    this.#emit("closed", { code, reason, fate, will_retry: false, refusal: refusal?.code ?? null });
    this.#opening?.reject(refusal ?? new LicenceBrokerError("closed", `closed with ${code}`, { close_code: code, reason }));
    this.#opening = null;
  }

  #rejectPending(code, reason) {
    for (const { reject, timer } of this.#pending.values()) {
      this.#timers.clearTimeout(timer);
      reject(new LicenceBrokerError("connection_lost", "no answer; it may have been done", { close_code: code, reason }));
    }
    this.#pending.clear();
  }

  // ---- token ------------------------------------------------------------------------------------

  /** At four fifths of what is left; never where the token does not say when it ends. */
  #planRefresh(expiry_ms) {
    this.#stop("refresh");
    this.#expiry_ms = expiry_ms;
    if (!Number.isFinite(expiry_ms)) return;
    const in_ms = Math.max(1_000, (expiry_ms - Date.now()) * 0.8);
    this.#start("refresh", () => this.#refreshInTime(), Math.min(in_ms, TIMER_MS_MAX));
  }

  async #refreshInTime() {
    this.#running.refresh = null;
    if (this.#state !== "live") return; // the next connection brings a token of its own
    const run = this.#run;
    try {
      await this.refresh();
    } catch (cause) {
      if (run !== this.#run || this.#state !== "live") return;
      this.#emit("error", { code: "refresh_failed", message: String(cause?.message ?? cause) });
      this.#start("refresh", () => this.#refreshInTime(), REFRESH_RETRY_MS);
    }
  }

  // ---- small tools ------------------------------------------------------------------------------

  #start(name, work, delay_ms) {
    this.#stop(name);
    this.#running[name] = this.#timers.setTimeout(work, delay_ms);
  }

  #stop(name) {
    if (this.#running[name] !== null) this.#timers.clearTimeout(this.#running[name]);
    this.#running[name] = null;
  }

  #setState(state) {
    if (state === this.#state) return;
    const previous = this.#state;
    this.#state = state;
    this.#emit("state", { state, previous });
  }

  #emitGranted(licences, why) {
    if (licences.length) this.#emit("granted", { licences, why });
  }

  /** For logs of an application: both directions, without the secrets. */
  #emitFrame(direction, message) {
    const shown = { ...message };
    for (const secret of ["token", "resume_token"]) if (secret in shown) shown[secret] = "…";
    this.#emit("frame", { direction, message: shown });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function releaseReason(code, reason) {
  if (code === 4505 || code === 4507) return reason || RELEASE_REASON_OF_CODE[code] || "user_changed";
  return RELEASE_REASON_OF_CODE[code] ?? "connection_lost";
}
