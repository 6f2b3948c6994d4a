/** The page of the wallboard put together: what its address says, texts, token, live counts. */

import { brokerUrl, claimsOf, demonstration, tokenOfFragment } from "../access.js";
import { Frame } from "../frame.js";
import { LiveCounts } from "../live.js";
import { WorkerTimers } from "../timers.js";
import { readAddress } from "./address.js";
import { offerFullScreen, stayAwake, watchIdleness } from "./awake.js";
import { Freshness } from "./freshness.js";
import { Wallboard } from "./wallboard.js";

const EVERY_MS = 1_000;
/** Until a board that could not even ask how to begin asks again. */
const WAIT_MS = 15_000;
/** This long before its token ends, a board says so: somebody has to make a new link. */
const WARN_OF_END_MS = 3 * 24 * 60 * 60 * 1000;

const find = (id) => document.getElementById(id);
const settings = readAddress(location.search);
const frame = new Frame();
const { texts } = frame;
const timers = new WorkerTimers("/static/ticker.js");
const page = new AbortController();

/** What is on the page now; another token replaces it. */
let shown = null;
let whileShown = new AbortController();

if (settings.theme !== "auto") document.documentElement.dataset.theme = settings.theme;
if (await frame.open({ language: settings.language, retry: configure, translated: translate })) {
  find("manual-form").addEventListener("submit", openPasted);
  addEventListener("hashchange", configure);
  stayAwake(page.signal);
  watchIdleness(page.signal);
  offerFullScreen(find("board-full"), page.signal);
  setInterval(drawTime, EVERY_MS);
  translate();
  await configure();
}

function translate() {
  const name = settings.name || texts.t("wallboard.title");
  document.title = `${name} – Licence Broker`;
  find("board-name").textContent = name;
  drawOrganisation();
  shown?.board.translate();
  shown?.freshness.draw();
}

// ---- where the token comes from -----------------------------------------------------------------

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
    // A wall has nobody who presses a button.
    timers.setTimeout(configure, WAIT_MS);
  }
}

function openDemonstration(demo) {
  let token = demo.wallboard_token;
  const getToken = async () => {
    const given = token ?? (await demonstration()).wallboard_token;
    token = null; // the first connection uses what is here, later ones ask again: it may have run out
    return given;
  };
  open({ organisation: demo.organisation, getToken, ends_at_ms: null });
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
  const organisation = { id: claims.organisation, name: "" };
  open({ organisation, getToken: async () => token, ends_at_ms: claims.expires_at_ms });
}

// ---- the board ----------------------------------------------------------------------------------

function open({ organisation, getToken, ends_at_ms }) {
  whileShown.abort();
  whileShown = new AbortController();
  const { signal } = whileShown;
  const live = new LiveCounts({ url: brokerUrl(), organisation: organisation.id, timers, getToken });
  const root = find("wallboard");
  const zone = settings.zone ?? organisation.time_zone ?? null;
  const board = new Wallboard({ root, pager: find("pager"), template: find("tile"), texts, live, settings });
  const freshness = new Freshness({ root, line: find("live"), banner: find("board-stale"), texts, live, zone });
  shown = { organisation, zone, ends_at_ms, board, freshness };
  find("live").hidden = false;
  signal.addEventListener("abort", () => live.stop());
  live.start();
  board.start(signal);
  freshness.start(signal);
  drawOrganisation();
  drawTime();
}

function drawOrganisation() {
  if (!shown) return;
  const { id, name } = shown.organisation;
  find("organisation").hidden = false;
  find("organisation-name").textContent = name;
  find("organisation-id").textContent = texts.t("page.organisation", { id: String(id) });
  drawRemarks();
}

function drawTime() {
  if (!shown) return;
  drawClock();
  drawRemarks();
  shown.freshness.draw();
}

/** The organisation's own time, as far as the address or the demonstration says it; else the screen's, and it says so. */
function drawClock() {
  const now = new Date();
  find("clock").hidden = false;
  find("clock-time").dateTime = now.toISOString();
  find("clock-time").textContent = texts.time(now, shown.zone ?? undefined);
  find("clock-zone").textContent = shown.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** What somebody should know who can do something about it. */
function drawRemarks() {
  const remarks = [];
  if (settings.wrong.length > 0) remarks.push(texts.t("wallboard.wrong", { names: settings.wrong.join(", ") }));
  const { ends_at_ms, zone } = shown;
  if (ends_at_ms !== null && ends_at_ms - Date.now() < WARN_OF_END_MS) {
    const time = texts.dateTime(new Date(ends_at_ms), zone ?? undefined);
    remarks.push(texts.t("wallboard.ends", { time }));
  }
  const line = find("board-remarks");
  const text = texts.sentences(remarks);
  line.hidden = text === "";
  if (line.textContent !== text) line.textContent = text;
}
