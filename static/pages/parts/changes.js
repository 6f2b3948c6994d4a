/** What changed from one state of a thing to the next, in words that people read. */

const LISTS = new Set(["features", "synced"]);
const LICENCES = new Set(["user_type", "licence"]);
/** Words of closed vocabularies, by the family of texts that names them. */
const WORDS = Object.freeze({ status: "standing", role: "role", device: "device" });
/** Of these it is told that they were replaced, and nothing else. */
const SECRETS = new Set(["password", "second_factor"]);
/** What never says anything about a change. */
const SILENT = new Set(["created_at", "base_licence", "fixed_seats", "version"]);

/**
 * @typedef {Object} Change
 * @property {string} field as the API calls it
 * @property {string} label what people call it
 * @property {?string} before null where there was nothing
 * @property {?string} after null where there is nothing
 *
 * @param {?Object} before
 * @param {?Object} after
 * @param {{texts: import("../../i18n.js").Texts, timeZone: string, nameOf?: function(string): string, isShort?: boolean}} how
 *   `isShort` tells of lists only what was taken from them and added to them
 * @returns {Change[]} what is the same in both is left out
 */
export function changesOf(before, after, how) {
  const fields = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].filter((field) => !SILENT.has(field));
  return fields
    .filter((field) => JSON.stringify(before?.[field]) !== JSON.stringify(after?.[field]))
    .map((field) => change(field, before, after, how));
}

function change(field, before, after, how) {
  const label = how.texts.word("changed", field);
  const [old, now] = [before?.[field], after?.[field]];
  if (how.isShort && Array.isArray(old) && Array.isArray(now)) {
    const taken = old.filter((item) => !now.includes(item));
    const added = now.filter((item) => !old.includes(item));
    const told = (items) => (items.length > 0 ? shown(field, items, how) : null);
    return { field, label, before: told(taken), after: told(added) };
  }
  return { field, label, before: before ? shown(field, old, how) : null, after: after ? shown(field, now, how) : null };
}

function shown(field, value, how) {
  const { texts, timeZone } = how;
  const nameOf = how.nameOf ?? ((key) => texts.word("licence", key));
  if (value === null || value === undefined || value === "") return texts.t("changes.nothing");
  if (Array.isArray(value)) return value.length === 0 ? texts.t("changes.nothing") : listed(LISTS.has(field) ? value.map(nameOf) : value, texts);
  if (SECRETS.has(field)) return texts.t("changes.replaced");
  if (LICENCES.has(field)) return nameOf(value);
  if (WORDS[field]) return texts.word(WORDS[field], value);
  if (field.endsWith("_at")) return texts.dateTime(value, timeZone);
  if (typeof value === "boolean") return texts.t(value ? "changes.yes" : "changes.no");
  if (typeof value === "number" && field !== "id") return texts.number(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const listed = (words, texts) => words.map(String).join(texts.t("changes.between"));
