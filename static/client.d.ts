/** Types of `client.js`, the client library for `licence-broker.v1`. */

export declare const SUBPROTOCOL: "licence-broker.v1";

export type Device = "agent_desktop" | "deskphone" | "switchboard";
export type Pool = "concurrent" | "contingency" | "fixed" | "shared";

export interface Granted {
  licence: string;
  pool: Pool;
}

export interface Denied {
  licence: string;
  reason: "unknown_licence" | "device_not_permitted" | "not_assigned" | "not_purchased" | "exhausted" | (string & {});
}

/**
 * - `idle`: not used yet
 * - `connecting`: no session yet; goes on trying
 * - `live`: there is a session, and the broker was heard lately
 * - `reconnecting`: the connection is lost, the licences are still ours; resuming
 * - `lapsed`: the connection is lost or silent for too long, the licences are treated as gone; resuming
 * - `closed`: over; `login` or `resume` may be called again
 */
export type ClientState = "idle" | "connecting" | "live" | "reconnecting" | "lapsed" | "closed";

/**
 * What a client does after a close. Only `retry` is done without being asked: `ask` means to ask the person,
 * `token` to get a new token, `login` to log in anew.
 */
export type Fate = "retry" | "ask" | "token" | "login" | "stop";

/** What is needed to continue a session. As secret as a password. */
export interface Ticket {
  session: string;
  resume_token: string;
}

export interface Session {
  session: string;
  user: string;
  device: Device;
  heartbeat_s: number;
  grace_s: number;
}

export interface SessionOpened extends Session {
  type: "logged_in" | "resumed";
  granted: Granted[];
  denied: Denied[];
  waiting: string[];
}

export interface Acquired {
  granted: Granted[];
  denied: Denied[];
  waiting: string[];
}

export interface Released {
  licences: string[];
  reason: string;
}

export interface LoginRequest {
  /** Absent: every assigned feature that the device carries. Present: exactly these. */
  channels?: string[];
  /** Queue for what is exhausted. Default false. */
  wait?: boolean;
  /** Seconds for which the broker keeps the licences after an unclean end. Default 0. */
  grace_s?: number;
}

export interface Backoff {
  /** Bound of the first delay in milliseconds; doubles with each attempt. Default 500. */
  base_ms?: number;
  /** Bound of every delay in milliseconds. Default 30000. */
  max_ms?: number;
  /** A number in [0, 1). Default `Math.random`. */
  random?: () => number;
}

export interface Timers {
  setTimeout(work: () => void, delay_ms: number): unknown;
  clearTimeout(timer: any): void;
}

export interface ClientSettings {
  /**
   * The broker, `wss://broker.example`; or several addresses of it, which are tried one after the other where there is no
   * balancer. Whatever stands behind a host is a balancer's prefix and is kept.
   */
  url: string | string[];
  organisation: number;
  device: Device;
  /** Called for every connection and every refresh. Must settle. */
  getToken: () => Promise<string>;
  /** Default: the global one. Under Node 20 hand in the class of the package `ws`. */
  WebSocket?: new (url: string, protocols?: string | string[]) => any;
  /** Default: the global ones. A page that may be hidden for long wants some that browsers do not slow down. */
  timers?: Timers;
  /**
   * Ask over HTTP which node has the organisation before connecting, so that many who come at once come to the right
   * one. Default false: whoever comes to the wrong one is told where to go (4002).
   */
  ask_endpoint?: boolean;
  /** Default: the global one. Only `ask_endpoint` needs it. */
  fetch?: typeof fetch;
  backoff?: Backoff;
  /** How long any answer may take, in milliseconds. Default 10000. */
  answer_timeout_ms?: number;
}

/**
 * `code` is the broker's error code, a refusal's reason, or one of the client's own: `already_logged_in`,
 * `not_connected`, `connection_lost` and `timeout` (both: it may have been done), `too_many_requests`,
 * `no_token`, `closed`.
 */
export declare class LicenceBrokerError extends Error {
  code: string;
  /** Of a refused login. */
  denied?: Denied[];
  /** Where a close ended the wait. */
  close_code?: number;
  reason?: string;
}

export interface ClientEvents {
  state: CustomEvent<{ state: ClientState; previous: ClientState }>;
  /** Licences that may be used from now on. `why` is the type of the message that brought them. */
  granted: CustomEvent<{ licences: Granted[]; why: "logged_in" | "resumed" | "acquired" | "granted" }>;
  denied: CustomEvent<{ licences: Denied[] }>;
  /** Licences that may no longer be used. Beside the broker's reasons: `silence`, judged by the client. */
  released: CustomEvent<Released>;
  draining: CustomEvent<{ reconnect_within_s: number }>;
  /**
   * A connection has ended, for good or (`will_retry`) until the next attempt. `code` 1006 with the reason `silence`
   * is the client's own verdict. `refusal` is the reason of a refused login.
   */
  closed: CustomEvent<{
    code: number;
    reason: string;
    fate: Fate;
    will_retry: boolean;
    retry_in_ms?: number;
    attempt?: number;
    refusal?: string | null;
  }>;
  /** An `error` of the broker, or `no_token`, `refresh_failed`, `cannot_connect`, `bad_frame`. */
  error: CustomEvent<{ code: string; message: string; id?: string | number }>;
  /** Every message, for logs; tokens are left out. */
  frame: CustomEvent<{ direction: "in" | "out"; message: Record<string, unknown> }>;
}

export declare class LicenceBrokerClient extends EventTarget {
  constructor(settings: ClientSettings);

  readonly state: ClientState;
  /** Licence → pool; empty while the licences are treated as gone. A copy. */
  readonly granted: Map<string, Pool>;
  /** Licence → reason. A copy. */
  readonly denied: Map<string, string>;
  readonly waiting: Set<string>;
  readonly session: Session | null;
  readonly ticket: Ticket | null;
  /** While `reconnecting`: until when the licences may be used without a connection. Milliseconds since 1970. */
  readonly heldUntil_ms: number | null;
  /** Without a connection: until when, at least, the broker keeps the session for a resume. Milliseconds since 1970. */
  readonly keptUntil_ms: number | null;
  /** When the present token ends, in milliseconds since 1970; null if it does not say. */
  readonly tokenEnd_ms: number | null;

  /** Connects and logs in. Pending while it retries; rejects when refused or closed for good. */
  login(request?: LoginRequest): Promise<SessionOpened>;
  /** Continues a session whose ticket the caller kept. Losses of connection are resumed without this. */
  resume(ticket: Ticket): Promise<SessionOpened>;
  acquire(channels: string[], options?: { wait?: boolean }): Promise<Acquired>;
  release(channels: string[]): Promise<Released>;
  refresh(): Promise<{ expires_at: string }>;
  /** Resolves to the round trip in milliseconds. */
  ping(): Promise<number>;
  /** `confirmed` is false where there was no connection over which to say it. */
  logout(): Promise<{ released: string[]; confirmed: boolean }>;
  /** Ends everything at once. The close frame that this sends is a logout to the broker, grace or not. */
  close(): void;

  addEventListener<K extends keyof ClientEvents>(
    type: K,
    listener: (event: ClientEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** What a client does after this close code. */
export declare function fateOfClose(code: number): Fate;
/** A delay in milliseconds between nothing and the exponential bound. */
export declare function fullJitterDelay(attempt: number, backoff?: Backoff): number;
/** Where the reason of close code 4002 sends a client, or null if it may not go there. */
export declare function movedUrl(reason: string, current: string): string | null;
/** Milliseconds since 1970, or null if the token does not say. */
export declare function expiryOfToken(token: string): number | null;
