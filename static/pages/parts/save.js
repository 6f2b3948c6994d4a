/** Saves a text that is at hand as a file. */

import { h } from "../../ui/dom.js";

/** Spreadsheets take a file without it for one of the office's old encodings. */
const BYTE_ORDER_MARK = "\ufeff";

/** @param {string} text @param {string} type a media type @param {string} filename */
export function save(text, type, filename) {
  const blob = new Blob([type === "text/csv" ? BYTE_ORDER_MARK : "", text], { type: `${type};charset=utf-8` });
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: filename }).click();
  setTimeout(() => URL.revokeObjectURL(url));
}
