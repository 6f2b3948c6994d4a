/** The page of the wallboard put together: texts, token, live counts. */

import { brokerUrl, claimsOf, demonstration, tokenOfFragment } from "../access.js";
import { Frame } from "../frame.js";
import { LiveCounts } from "../live.js";
import { WorkerTimers } from "../timers.js";
import { Wallboard } from "./wallboard.js";

const CLOCK_EVERY_MS = 1_000;

const find = (id) => document.getElementById(id);
const frame = new Frame();
const { texts } = frame;
const timers = new WorkerTimers("/static/ticker.js");

/** What is on the page now; a pasted token replaces it. */
let board = null;
let organisation = null;

if (await frame.open({ retry: configure, translated: translate })) {
  find("manual-form").addEventListener("submit", openPasted);
  setInterval(drawClock, CLOCK_EVERY_MS);
  translate();
  await configure();
}

function translate() {
  document.title = `${texts.t("wallboard.title")} – Licence Broker`;
  drawOrganisation();
  board?.translate();
}

async function configure() {
  frame.hideNotice();
  const token = tokenOfFragment(location.hash);
  if (token) return openWith(token);
  try {
    const demo = await demonstration();
    if (demo) openDemonstration(demo);
    else find("manual").hidden = false;
  } catch {
    frame.complain("notice.unreachable", { mayRetry: true });
  }
}

function openDemonstration(demo) {
  let token = demo.wallboard_token;
  open(demo.organisation, async () => {
    const given = token ?? (await demonstration()).wallboard_token;
    token = null; // the first connection uses what is here, later ones ask again: it may have run out
    return given;
  });
}

function openPasted(event) {
  event.preventDefault();
  frame.hideNotice();
  openWith(find("manual-token").value.trim());
}

function openWith(token) {
  const claims = claimsOf(token);
  find("manual").hidden = Boolean(claims?.organisation);
  if (!claims?.organisation) return frame.complain("notice.no_token");
  open({ id: claims.organisation, name: "" }, async () => token);
}

function open(chosen, getToken) {
  board?.stop();
  organisation = chosen;
  const live = new LiveCounts({ url: brokerUrl(), organisation: chosen.id, timers, getToken });
  board = new Wallboard({ root: find("wallboard"), card: find("licence-card"), texts, live });
  drawOrganisation();
  board.start();
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
