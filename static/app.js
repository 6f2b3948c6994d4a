/** The page put together: texts, configuration, wallboard, desk. */

import { Desk } from "./desk.js";
import { Texts } from "./i18n.js";
import { LiveCounts } from "./live.js";
import { WorkerTimers } from "./timers.js";
import { Wallboard } from "./wallboard.js";

const CLOCK_EVERY_MS = 1_000;

const find = (id) => document.getElementById(id);
const texts = new Texts();
const timers = new WorkerTimers("/static/ticker.js");
const brokerUrl = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}`;

/** What is on the page now; a pasted configuration replaces it. */
let boards = [];
let listeners = new AbortController();
let organisation = null;
/** The key of the notice that is shown, or null. */
let notice = null;

await start();

async function start() {
  try {
    await texts.load();
  } catch {
    // Without texts there is no language to say it in.
    showNotice("The texts of this page could not be loaded. / 画面の文言を読み込めませんでした。");
    return;
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => texts.choose(button.dataset.language));
  }
  texts.addEventListener("change", translate);
  find("notice-retry").addEventListener("click", configure);
  find("manual-form").addEventListener("submit", openManually);
  setInterval(drawClock, CLOCK_EVERY_MS);
  translate();
  await configure();
}

function translate() {
  texts.apply(document);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === texts.language));
  }
  if (notice) showNotice(texts.t(notice));
  drawOrganisation();
  for (const board of boards) board.translate();
}

// ---- where the tokens come from -----------------------------------------------------------------

/** A broker that runs as demo hands out tokens; a real one knows no such path. */
async function configure() {
  hideNotice();
  let response;
  try {
    response = await fetch("/demo/config.json", { cache: "no-store" });
  } catch {
    return complain("notice.unreachable");
  }
  if (response.status === 404) return void (find("manual").hidden = false);
  if (!response.ok) return complain("notice.unreachable");
  openDemo(await response.json());
}

function openDemo(config) {
  let token = config.wallboard_token;
  open({
    organisation: config.organisation,
    users: config.users,
    getWallboardToken: async () => {
      const given = token ?? (await fetchJson("/demo/config.json")).wallboard_token;
      token = null; // the first connection uses what is here, later ones ask again: it may have run out
      return given;
    },
    getDeviceToken: async (user) => (await fetchJson("/demo/token", { user })).token,
  });
}

function openManually(event) {
  event.preventDefault();
  const deviceToken = find("manual-device-token").value.trim();
  const wallboardToken = find("manual-wallboard-token").value.trim();
  if (!deviceToken && !wallboardToken) return complain("notice.no_token");
  hideNotice();
  const user = subjectOf(deviceToken) ?? texts.t("manual.pasted");
  open({
    organisation: { id: Number(find("manual-organisation").value), name: "" },
    users: deviceToken ? [{ user, name: user, features: [] }] : [],
    getWallboardToken: wallboardToken ? async () => wallboardToken : null,
    getDeviceToken: deviceToken ? async () => deviceToken : null,
  });
}

async function fetchJson(path, body) {
  const post = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, body ? post : { cache: "no-store" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

/** Whose token it is, to show the name; the broker alone judges it. */
function subjectOf(token) {
  try {
    const bytes = Uint8Array.from(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).sub ?? null;
  } catch {
    return null;
  }
}

// ---- the boards ---------------------------------------------------------------------------------

function open({ organisation: chosen, users, getWallboardToken, getDeviceToken }) {
  listeners.abort();
  listeners = new AbortController();
  for (const board of boards) board.stop();
  organisation = chosen;
  find("wallboard").hidden = true;
  find("desk").hidden = true;
  find("boards").hidden = false;
  find("sections").hidden = false;
  const shared = { url: brokerUrl, organisation: chosen.id, timers };
  boards = [
    getWallboardToken && newWallboard({ ...shared, getToken: getWallboardToken }),
    getDeviceToken && newDesk({ ...shared, getToken: getDeviceToken, users }),
  ].filter(Boolean);
  drawOrganisation();
  for (const board of boards) board.start(listeners.signal);
}

function newWallboard(settings) {
  return new Wallboard({ root: find("wallboard"), card: find("licence-card"), texts, live: new LiveCounts(settings) });
}

function newDesk(settings) {
  return new Desk({ root: find("desk"), texts, settings });
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

// ---- notices ------------------------------------------------------------------------------------

function complain(key) {
  notice = key;
  showNotice(texts.t(key));
  find("notice-retry").hidden = key !== "notice.unreachable";
}

function showNotice(text) {
  find("notice-text").textContent = text;
  find("notice").hidden = false;
}

function hideNotice() {
  notice = null;
  find("notice").hidden = true;
}
