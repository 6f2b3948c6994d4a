/** Elements made by script: text is only ever text, and nothing is inline, as the content policy wants it. */

/**
 * Makes an element. Attributes that are null, undefined or false are left out, true ones stand empty;
 * `onclick` and the like are listeners, `dataset` and `css` objects (custom properties and the like, set
 * through the element's style object), `value` and `checked` properties.
 *
 * @param {string} tag
 * @param {Object<string, *>} [attributes]
 * @param {...(Node|string|number|null|undefined|false|Array)} children text, elements, or lists of them
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) set(element, name, value);
  add(element, children);
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (typeof value === "function") element.addEventListener(name.slice(2).toLowerCase(), value);
  else if (name === "dataset") Object.assign(element.dataset, value);
  else if (name === "css") for (const [property, one] of Object.entries(value)) element.style.setProperty(property, one);
  else if (name === "value" || name === "checked") element[name] = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

function add(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

/**
 * An element whose text is that of a key; `Texts.apply` renews it when the language changes.
 *
 * @param {import("../i18n.js").Texts} texts
 * @param {string} tag
 * @param {string} key of i18n, without values to fill in
 * @param {Object<string, *>} [attributes]
 * @returns {HTMLElement}
 */
export function said(texts, tag, key, attributes = {}) {
  const element = h(tag, attributes, texts.t(key));
  element.dataset.i18n = key;
  return element;
}

/**
 * Writes a text only where it changes: screen readers and painting both thank for it.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let lastId = 0;

/**
 * An id that no other element of the page has.
 *
 * @param {string} name what it begins with
 * @returns {string}
 */
export function newId(name) {
  lastId += 1;
  return `${name}-${lastId}`;
}

/** What Tab stops at. */
export const FOCUSABLE = "a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary, [tabindex]";
