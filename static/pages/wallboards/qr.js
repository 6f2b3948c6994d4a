/** A text as a QR code, drawn as an image that any camera reads in either theme. */

import qrcode from "../../vendor/qrcode-generator/qrcode.mjs";

const SVG = "http://www.w3.org/2000/svg";
/** The margin that cameras need, in modules. */
const QUIET = 4;
/** The smallest version that holds the text; 15 % of it may be damaged or covered. */
const ANY_VERSION = 0;
const CORRECTION = "M";

/**
 * @param {string} text
 * @param {string} label what it is, for whoever cannot see it
 * @returns {SVGSVGElement}
 */
export function qrOf(text, label) {
  const code = qrcode(ANY_VERSION, CORRECTION);
  code.addData(text);
  code.make();
  const size = code.getModuleCount() + 2 * QUIET;
  const svg = element("svg", { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, class: "qr", "shape-rendering": "crispEdges" });
  svg.append(element("rect", { width: size, height: size, class: "qr-ground" }), element("path", { d: modules(code), class: "qr-modules" }));
  return svg;
}

function modules(code) {
  const count = code.getModuleCount();
  let path = "";
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column < count; column += 1) {
      if (code.isDark(row, column)) path += `M${column + QUIET} ${row + QUIET}h1v1h-1z`;
    }
  }
  return path;
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
