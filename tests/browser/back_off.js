// Plays a client over sockets that are made up: `story` tells what becomes of each connection. Gives what
// the client said first on each, and how long it waited at most before each further one.
async function play({ LicenceBrokerClient }, story, grace_s) {
  const said = [];
  const waits_ms = [];
  const connections = [...story];
  let over;
  const end = new Promise((resolve) => (over = resolve));
  class MadeUpSocket {
    static CONNECTING = 0;
    readyState = 1;
    constructor() {
      this.fate = connections.shift();
      queueMicrotask(() => this.onopen());
    }
    send(text) {
      const { type, id, resume_token } = JSON.parse(text);
      said.push(resume_token ? `${type} ${resume_token}` : type);
      queueMicrotask(() => this.answer(id));
    }
    answer(id) {
      const { welcome, draining, code } = this.fate;
      const hear = (message) => this.onmessage({ data: JSON.stringify(message) });
      const session = { session: "s", resume_token: "r", user: "edred", device: "agent_desktop" };
      const held = { granted: [], denied: [], waiting: [], heartbeat_s: 15, grace_s };
      if (welcome) hear({ type: welcome, id, ...session, ...held });
      if (draining) hear({ type: "draining", reconnect_within_s: draining });
      if (code) this.onclose({ code, reason: "" });
      else over();
    }
    close() {}
  }
  let retry = null;
  const client = new LicenceBrokerClient({
    url: "ws://made.up", organisation: 1, device: "agent_desktop", getToken: async () => "token",
    WebSocket: MadeUpSocket, backoff: { random: () => 1 },
    // No timer runs by itself: the one that was set just before a loss was told is the next attempt.
    timers: { setTimeout: (work) => (retry = work), clearTimeout: () => {} },
  });
  client.addEventListener("closed", ({ detail }) => {
    waits_ms.push(detail.retry_in_ms);
    queueMicrotask(retry);
  });
  client.login({ grace_s }).catch(over);
  await end;
  return { said, waits_ms };
}
