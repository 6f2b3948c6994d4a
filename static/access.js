/**
 * Where a page without a sign-in gets its tokens: from a broker that runs as demonstration, from the fragment of its
 * own address (which no server is ever sent), or pasted by hand.
 */

/**
 * What a demonstration hands out; null where the broker is none.
 * @returns {Promise<?{organisation: {id: number, name: string, time_zone: string}, users: object[], wallboard_token: string}>}
 * @throws {Error} if the broker cannot be reached
 */
export async function demonstration() {
  const response = await fetch("/demo/config.json", { cache: "no-store" });
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`/demo/config.json: ${response.status}`);
  return response.json();
}

/**
 * A device's token of the demonstration.
 * @param {string} user
 * @returns {Promise<string>}
 */
export async function demonstrationToken(user) {
  const body = JSON.stringify({ user });
  const response = await fetch("/demo/token", { method: "POST", headers: { "content-type": "application/json" }, body });
  if (!response.ok) throw new Error(`/demo/token: ${response.status}`);
  return (await response.json()).token;
}

/**
 * The token in the fragment of an address, `#token=…`; null if it has none.
 * @param {string} hash
 * @returns {?string}
 */
export function tokenOfFragment(hash) {
  return new URLSearchParams(hash.replace(/^#/, "")).get("token") || null;
}

/**
 * What a token says of itself, to show it; the broker alone judges it. Null for what is no token.
 * @param {string} token
 * @returns {?{subject: ?string, organisation: ?number, role: ?string, expires_at_ms: ?number}}
 */
export function claimsOf(token) {
  try {
    const payload = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    const { sub = null, org = null, role = null, exp = null } = JSON.parse(
      new TextDecoder().decode(Uint8Array.from(payload, (character) => character.charCodeAt(0))),
    );
    return { subject: sub, organisation: org, role, expires_at_ms: Number.isFinite(exp) ? exp * 1000 : null };
  } catch {
    return null;
  }
}

/** Where the broker that serves this page takes sockets. */
export const brokerUrl = () => `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}`;
