/** The page of the agent desk put together: texts, tokens, the desk. */

import { brokerUrl, claimsOf, demonstration, demonstrationToken, tokenOfFragment } from "../access.js";
import { Frame } from "../frame.js";
import { WorkerTimers } from "../timers.js";
import { Desk } from "./desk.js";

const CLOCK_EVERY_MS = 1_000;

const find = (id) => document.getElementById(id);
const frame = new Frame();
const { texts } = frame;
const timers = new WorkerTimers("/static/ticker.js");

/** What is on the page now; a pasted token replaces it. */
let desk = null;
let listeners = new AbortController();
let organisation = null;

if (await frame.open({ retry: configure, translated: translate })) {
  find("manual-form").addEventListener("submit", openPasted);
  setInterval(drawClock, CLOCK_EVERY_MS);
  translate();
  await configure();
}

function translate() {
  document.title = `${texts.t("desk.title")} – Licence Broker`;
  drawOrganisation();
  desk?.translate();
}

// ---- where the token comes from -----------------------------------------------------------------

async function configure() {
  frame.hideNotice();
  const token = tokenOfFragment(location.hash);
  if (token) {
    // Not to be seen over a shoulder, nor kept among the bookmarks.
    history.replaceState(null, "", location.pathname + location.search);
    return openWith(token);
  }
  try {
    const demo = await demonstration();
    if (demo) open({ organisation: demo.organisation, users: demo.users, getToken: demonstrationToken, renews: true });
    else find("manual").hidden = false;
  } catch {
    frame.complain("notice.unreachable", { mayRetry: true });
  }
}

function openPasted(event) {
  event.preventDefault();
  frame.hideNotice();
  openWith(find("manual-token").value.trim());
}

function openWith(token) {
  const claims = claimsOf(token);
  find("manual").hidden = false;
  if (!claims?.organisation || !claims.subject) return frame.complain("notice.no_token");
  const user = claims.subject;
  open({
    organisation: { id: claims.organisation, name: "" },
    users: [{ user, name: user, features: [] }],
    getToken: async () => token,
    renews: false,
  });
}

// ---- the desk -----------------------------------------------------------------------------------

function open({ organisation: chosen, users, getToken, renews }) {
  listeners.abort();
  listeners = new AbortController();
  desk?.stop();
  organisation = chosen;
  const zone = chosen.time_zone;
  const settings = { url: brokerUrl(), organisation: chosen.id, zone, timers, getToken, renews, users };
  desk = new Desk({ root: find("desk"), texts, settings });
  drawOrganisation();
  desk.start(listeners.signal);
}

function drawOrganisation() {
  if (!organisation) return;
  find("organisation").hidden = false;
  find("organisation-name").textContent = organisation.name;
  find("organisation-id").textContent = texts.t("page.organisation", { id: String(organisation.id) });
  drawClock();
}

/** The organisation's own time: its days and months follow it. */
function drawClock() {
  if (!organisation?.time_zone) return;
  const now = new Date();
  find("clock").hidden = false;
  find("clock-time").dateTime = now.toISOString();
  find("clock-time").textContent = texts.time(now, organisation.time_zone);
  find("clock-zone").textContent = organisation.time_zone;
}
