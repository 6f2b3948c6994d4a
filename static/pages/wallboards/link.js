/** The link that opens a wallboard on a screen: asked for, made, and shown as text and as a QR code. */

import { Field } from "../../ui/form.js";
import { FormDialog, tell } from "../../ui/dialog.js";
import { h, newId, said, setText } from "../../ui/dom.js";

const DAY_S = 24 * 60 * 60;
/** The longest is the longest life that the broker gives a token. */
const DAYS = Object.freeze([31, 7, 1]);
const THEMES = Object.freeze([["auto", "wallboards.theme_auto"], ["light", "wallboards.theme_light"], ["dark", "wallboards.theme_dark"]]);
const LANGUAGES = Object.freeze([["en", "English"], ["ja", "日本語"]]);
/** As `wallboard/address.js` takes them where the link names none. */
const WARN_PERCENT = 80;
const ALARM_PERCENT = 100;
const LOOPBACK = Object.freeze(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Asks what the board is to show, makes a token for it, and shows the link.
 * @param {object} context of the page
 * @param {{id: string, name: string}} wallboard
 */
export async function offerLink(context, wallboard) {
  const { texts, api } = context;
  const { items } = await api.get("licences", { class: "user_type,feature,product" });
  const choice = licenceChoice(texts, items.map(({ licence }) => licence));
  const fields = fieldsOf(texts);
  const dialog = new FormDialog({
    texts,
    title: texts.t("wallboards.link_of", { name: wallboard.name || wallboard.id }),
    text: texts.t("wallboards.link_text"),
    fields,
    after: [choice.element],
    submit: "wallboards.make_link",
    send: (values) => newLink(context, wallboard, { ...values, licences: choice.chosen() }),
  });
  const link = await dialog.open();
  if (link) await showLink(context, wallboard, link);
}

function fieldsOf(texts) {
  const field = (settings) => new Field(texts, settings);
  const themes = THEMES.map(([value, key]) => ({ value, text: () => texts.t(key) }));
  const days = DAYS.map((count) => ({ value: String(count), text: () => texts.t("wallboards.days", { count }) }));
  const percent = { min: "1", max: "100", required: true };
  return [
    field({ name: "days", label: "wallboards.valid_for", hint: "wallboards.valid_for_hint", type: "select", options: days }),
    field({ name: "lang", label: "wallboards.language", type: "select", value: texts.language, options: LANGUAGES.map(([value, text]) => ({ value, text })) }),
    field({ name: "theme", label: "wallboards.theme", type: "select", options: themes }),
    field({ name: "warn", label: "wallboards.warn", type: "number", value: WARN_PERCENT, attributes: percent }),
    field({ name: "alarm", label: "wallboards.alarm", hint: "wallboards.alarm_hint", type: "number", value: ALARM_PERCENT, attributes: percent }),
  ];
}

/** Check boxes: none means all of which something is bought. */
function licenceChoice(texts, keys) {
  const boxes = keys.map((key) => h("input", { type: "checkbox", value: key, name: "licences" }));
  const labels = boxes.map((box) => h("label", { class: "check" }, box, h("span", {}, texts.word("licence", box.value))));
  const hint = newId("licences-hint");
  const element = h("fieldset", { class: "field", "aria-describedby": hint },
    said(texts, "legend", "wallboards.licences"), said(texts, "p", "wallboards.licences_hint", { class: "hint", id: hint }),
    h("div", { class: "wallboard-licences" }, labels));
  return { element, chosen: () => boxes.filter((box) => box.checked).map((box) => box.value) };
}

async function newLink({ api, organisation }, { id, name }, { days, lang, theme, warn, alarm, licences }) {
  const request = { sub: id, org: organisation.id, role: "wallboard", ttl_s: Number(days) * DAY_S };
  const { data } = await api.send("POST", "/v1/tokens", { tokens: [request] });
  const query = new URLSearchParams({ name: name || id, zone: organisation.time_zone, lang });
  if (theme !== "auto") query.set("theme", theme);
  if (warn !== WARN_PERCENT) query.set("warn", warn);
  if (alarm !== ALARM_PERCENT) query.set("alarm", alarm);
  if (licences.length > 0) query.set("licences", licences.join(","));
  const ends_at_ms = Date.now() + request.ttl_s * 1000;
  return { url: `${location.origin}/wallboard?${query}#token=${data.items[0].token}`, ends_at_ms };
}

async function showLink({ texts, organisation }, wallboard, { url, ends_at_ms }) {
  const { qrOf } = await import("./qr.js");
  const id = newId("wallboard-link");
  const input = h("input", { id, type: "text", readonly: true, value: url, onfocus: () => input.select() });
  const told = h("p", { class: "hint", role: "status" });
  const copy = said(texts, "button", "wallboards.copy", {
    type: "button",
    onclick: async () => setText(told, texts.t((await copied(url, input)) ? "wallboards.copied" : "wallboards.copy_by_hand")),
  });
  const isLocal = LOOPBACK.includes(location.hostname);
  const ends = texts.t("wallboards.link_ends", { time: texts.zoned(new Date(ends_at_ms), organisation.time_zone) });
  await tell({
    texts,
    title: texts.t("wallboards.link_of", { name: wallboard.name || wallboard.id }),
    body: [
      h("p", {}, ends),
      isLocal && said(texts, "p", "wallboards.link_local", { class: "notice" }),
      h("div", { class: "field" }, said(texts, "label", "wallboards.link", { for: id }), input),
      h("div", { class: "link-actions" }, copy, h("a", { href: url, target: "_blank", rel: "noopener", id: "wallboard-open" }, texts.t("wallboards.open_here"))),
      told,
      qrOf(url, texts.t("wallboards.qr")),
      said(texts, "p", "wallboards.qr_text", { class: "hint" }),
    ],
  });
}

/** The clipboard is closed to pages that came in the clear; then the text is at least chosen. */
async function copied(text, input) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    input.focus();
    return false;
  }
}
