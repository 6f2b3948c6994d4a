/** The file of an import, read where it was chosen: for a look before anything is sent, and for what is left after. */

/** Larger ones are not read into a page: the broker would not take them either. */
export const BYTES_MAX = 32 * 1024 * 1024;

const COLUMNS = Object.freeze(["user", "name", "status", "user_type", "features"]);
const NEEDED = Object.freeze(["user", "user_type"]);

/** Between features in one cell of CSV. */
const BETWEEN = /[;|,\s]+/;

/**
 * @typedef {Object} ImportRow
 * @property {number} line on which it begins, counted from 1
 * @property {string} text as it stands in the file
 * @property {?Object<string, *>} fields by name; null where the row cannot be read at all
 *
 * @typedef {Object} ImportFile
 * @property {"csv"|"json"} format
 * @property {string} encoding `utf-8`, `shift_jis` or `windows-1252`
 * @property {string} text what is sent, in UTF-8
 * @property {string} head the first line of a CSV; empty for JSON
 * @property {string[]} columns those of the file that mean something
 * @property {string[]} ignored those that do not
 * @property {string[]} missing those that must be there, and are not
 * @property {ImportRow[]} rows
 */

/**
 * Reads what somebody chose. Spreadsheets of Japanese and of Western offices do not always write UTF-8: what is
 * none is taken for what they do write, and the page says so.
 *
 * @param {ArrayBuffer} bytes
 * @param {string} name of the file
 * @param {string} language of the page
 * @returns {ImportFile}
 */
export function readFile(bytes, name, language) {
  const { text, encoding } = decode(bytes, language);
  const isJson = /\.(json|jsonl|ndjson)$/i.test(name) || /^\s*\{/.test(text);
  return isJson ? readJsonLines(text, encoding) : readCsv(text, encoding);
}

function decode(bytes, language) {
  const encodings = language === "ja" ? ["utf-8", "shift_jis"] : ["utf-8"];
  for (const encoding of encodings) {
    try {
      return { text: new TextDecoder(encoding, { fatal: true }).decode(bytes), encoding };
    } catch {
      // the next one
    }
  }
  return { text: new TextDecoder("windows-1252").decode(bytes), encoding: "windows-1252" };
}

function readJsonLines(text, encoding) {
  const rows = [];
  text.split("\n").forEach((line, index) => {
    if (line.trim() !== "") rows.push({ line: index + 1, text: line.trim(), fields: parsedObject(line) });
  });
  const columns = COLUMNS.filter((column) => rows.some(({ fields }) => fields && column in fields));
  return { format: "json", encoding, text, head: "", columns, ignored: [], missing: [], rows };
}

function parsedObject(line) {
  try {
    const value = JSON.parse(line);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function readCsv(text, encoding) {
  const [head, ...records] = [...csvRecords(text)];
  const names = (head?.cells ?? []).map((cell) => cell.trim().toLowerCase());
  const rows = records.map(({ line, text: own, cells }) => ({ line, text: own, fields: fieldsOf(names, cells) }));
  return {
    format: "csv",
    encoding,
    text,
    head: head?.text ?? "",
    columns: COLUMNS.filter((column) => names.includes(column)),
    ignored: names.filter((name) => name !== "" && !COLUMNS.includes(name)),
    missing: NEEDED.filter((column) => !names.includes(column)),
    rows,
  };
}

/** An empty cell is as good as none. */
function fieldsOf(names, cells) {
  if (cells.length !== names.length) return null;
  const fields = {};
  names.forEach((name, index) => {
    const cell = cells[index];
    if (!COLUMNS.includes(name) || cell === "") return;
    fields[name] = name === "features" ? cell.split(BETWEEN).filter(Boolean) : cell;
  });
  return fields;
}

/** The records of a CSV file (RFC 4180), each with the line on which it begins; empty lines are none. */
function* csvRecords(text) {
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const { cells, end } = csvRecord(text, at);
    const own = text.slice(at, end);
    const isEmpty = own === "" || own === "\r";
    if (!isEmpty) yield { line, text: own.replace(/\r$/, ""), cells };
    line += own.split("\n").length;
    at = end + 1;
  }
}

/** One record from `begin` on; `end` is where its line ends. */
function csvRecord(text, begin) {
  const cells = [];
  let cell = "";
  let isQuoted = false;
  let at = begin;
  for (; at < text.length; at += 1) {
    const char = text[at];
    if (isQuoted) {
      if (char !== '"') cell += char;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else isQuoted = false;
    } else if (char === '"' && cell === "") isQuoted = true;
    else if (char === ",") {
      cells.push(cell);
      cell = "";
    } else if (char === "\n") break;
    else if (char !== "\r") cell += char;
  }
  cells.push(cell);
  return { cells, end: at };
}

/**
 * What is wrong with the rows as far as the file alone tells, in the broker's own terms: what it would reject. The
 * rest, such as seats that are not there, is told by the broker alone.
 *
 * @param {ImportFile} file
 * @param {{types: Set<string>, features: Set<string>, statuses: Set<string>}} known
 * @returns {{line: number, field: ?string, problem: string, value: (string|number)}[]} `problem` is an i18n word
 */
export function judge(file, known) {
  const seen = new Map();
  const found = [];
  for (const { line, fields } of file.rows) {
    const wrong = fields === null ? unreadable(file) : wrongField(fields, known) ?? repeated(fields, seen);
    if (wrong) found.push({ line, ...wrong });
    else seen.set(fields.user, line);
  }
  return found;
}

const unreadable = ({ format }) => ({ field: null, problem: format === "csv" ? "cells" : "not_json", value: "" });

function wrongField(fields, { types, features, statuses }) {
  const wrong = (field, problem, value = "") => ({ field, problem, value });
  for (const field of NEEDED) {
    if (typeof fields[field] !== "string" || fields[field] === "") return wrong(field, "missing");
  }
  const { user_type: type, status } = fields;
  if (status !== undefined && status !== null && !statuses.has(String(status).trim())) return wrong("status", "status", String(status));
  if (!types.has(type.trim())) return wrong("user_type", "user_type", type);
  const unknown = (fields.features ?? []).find?.((feature) => !features.has(feature));
  return unknown === undefined ? null : wrong("features", "features", String(unknown));
}

function repeated({ user }, seen) {
  return seen.has(user) ? { field: "user", problem: "repeated", value: seen.get(user) } : null;
}

/**
 * The broker's own words for a rejected row as an i18n word with its value; `problem` is null where it says
 * something that is not known here.
 *
 * @param {string} error
 * @returns {{problem: ?string, value: string}}
 */
export function problemOf(error) {
  for (const [pattern, problem] of REJECTIONS) {
    const match = pattern.exec(error);
    if (match) return { problem, value: match[1] ?? "" };
  }
  return { problem: null, value: "" };
}

const REJECTIONS = Object.freeze([
  [/^is missing$/, "missing"],
  [/^must be one of: pre_active/, "status"],
  [/^`(.*)` is not a user type$/s, "user_type"],
  [/^`(.*)` is not a service feature or product$/s, "features"],
  [/^the user stands on line (\d+) already$/, "repeated"],
  [/^no fixed seat of `(\w+)` is left$/, "fixed"],
  [/^no base licence of `(\w+)` is available$/, "base"],
  [/^the organisation has as many users as it may$/, "too_many"],
  [/^(?:not JSON: |not a JSON object)/, "not_json"],
  [/^must have \d+ to \d+ characters$/, "length"],
  [/^must not have control characters$/, "control"],
  [/^\d+ cells, the head has \d+$/, "cells"],
]);

/**
 * The rows that were not taken as a file of the same kind, to be mended and imported again.
 *
 * @param {ImportFile} file
 * @param {{line: number}[]} rejected
 * @returns {string}
 */
export function leftOver(file, rejected) {
  const byLine = new Map(file.rows.map((row) => [row.line, row.text]));
  const lines = rejected.map(({ line }) => byLine.get(line)).filter((text) => text !== undefined);
  return [...(file.head ? [file.head] : []), ...lines, ""].join("\r\n");
}
