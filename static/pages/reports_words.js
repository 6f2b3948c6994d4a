/** How the fields and values of custom reports are called and shown. */

/** By field, the word of a value. */
const WORDS = {
  usage_type: (texts, value) => texts.word("logged", value),
  licence: (texts, value) => texts.word("licence", value),
  logon_source: (texts, value) => texts.word("logon", value),
  device: (texts, value) => texts.word("device", value),
  pool: (texts, value) => texts.word("pool", value),
  outcome: (texts, value) => texts.word("outcome", value),
  reason: (texts, value, source) => (source === "denials" ? texts.word("reason", value) : texts.word("ended", value)),
};
const INSTANTS = ["five_minutes", "hour"];
const DAYS = ["day", "week"];

/**
 * @param {import("../i18n.js").Texts} texts
 * @param {string} source of the report
 * @param {string} field
 * @param {string} value of that field
 * @returns {string} as people say it; as it is where it is a name of its own
 */
export function wordOf(texts, source, field, value) {
  return WORDS[field]?.(texts, value, source) ?? value;
}

/**
 * A column of a report as a table takes it.
 *
 * @param {import("../i18n.js").Texts} texts
 * @param {import("../ui/zone.js").Zone} zone
 * @param {Object} source as the API describes it
 * @param {string} name
 * @param {number} index of the column
 */
export function columnOf(texts, zone, source, name, index) {
  const isMetric = source.metrics.some((metric) => metric.name === name);
  const label = () => (isMetric ? texts.word("metric", name) : texts.word("field", name));
  const column = { key: name, label, kind: isMetric ? "number" : "text", sortable: true, value: ({ cells }) => cells[index] };
  return isMetric ? column : { ...column, cell: ({ cells }) => shown(texts, zone, source.source, name, cells[index]) };
}

function shown(texts, zone, source, name, value) {
  if (value === null || value === "") return "–";
  if (INSTANTS.includes(name)) return zone.moment(Date.parse(value));
  if (DAYS.includes(name)) return zone.day(zone.instant(Date.parse(`${value}T00:00Z`)));
  if (name === "month") return zone.month(zone.instant(Date.parse(`${value}-01T00:00Z`)));
  return wordOf(texts, source, name, value);
}
