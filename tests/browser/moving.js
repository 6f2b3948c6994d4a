// Plays a client over sockets that are made up: `story` tells what becomes of each connection, and `endpoint` what the
// question for the owner is answered. Gives where the client connected, what it asked, and how long it waited at most.
async function play({ LicenceBrokerClient }, { url, story, endpoint }) {
  const urls = [];
  const asked = [];
  const waits_ms = [];
  const connections = [...story];
  let over;
  const end = new Promise((resolve) => (over = resolve));
  class MadeUpSocket {
    static CONNECTING = 0;
    readyState = 1;
    constructor(address) {
      urls.push(address);
      this.fate = connections.shift();
      queueMicrotask(() => this.onopen());
    }
    send(text) {
      const { id } = JSON.parse(text);
      queueMicrotask(() => this.answer(id));
    }
    answer(id) {
      const { welcome, code, reason = "" } = this.fate;
      const session = { session: "s", resume_token: "r", user: "edred", device: "agent_desktop" };
      const held = { granted: [], denied: [], waiting: [], heartbeat_s: 15, grace_s: 60 };
      if (welcome) this.onmessage({ data: JSON.stringify({ type: welcome, id, ...session, ...held }) });
      if (code) this.onclose({ code, reason });
      else over();
    }
    close() {}
  }
  let retry = null;
  const client = new LicenceBrokerClient({
    url, organisation: 7, device: "agent_desktop", getToken: async () => "token",
    WebSocket: MadeUpSocket, backoff: { random: () => 1 },
    // No timer runs by itself: the one that was set just before a loss was told is the next attempt.
    timers: { setTimeout: (work) => (retry = work), clearTimeout: () => {} },
    ask_endpoint: endpoint !== undefined,
    fetch: async (address, { headers }) => {
      asked.push(`${address} ${headers.authorization}`);
      if (endpoint === null) throw new TypeError("no answer");
      return { ok: true, json: async () => endpoint };
    },
  });
  client.addEventListener("closed", ({ detail }) => {
    waits_ms.push(detail.retry_in_ms);
    queueMicrotask(retry);
  });
  client.login({ grace_s: 60 }).catch(over);
  await end;
  return { urls, asked, waits_ms };
}
