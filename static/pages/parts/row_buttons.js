/** The buttons at the end of a row. They stay the same elements while rows are drawn anew, under whatever points at them. */

import { h, setText } from "../../ui/dom.js";

/**
 * @param {import("../../i18n.js").Texts} texts
 * @param {{key: string, label: string, onclick: function(): void}[]} actions `key` is what the button says, `label`
 *   what it says alone, with the row's name
 * @param {Object<string, *>} values that the labels are filled in with
 * @param {Node} [before] as it was drawn before
 * @returns {Node}
 */
export function rowButtons(texts, actions, values, before) {
  const group = before ?? h(
    "span", { class: "row-actions" },
    actions.map(({ key, onclick }) => h("button", { type: "button", class: "small", dataset: { action: key }, onclick })),
  );
  actions.forEach(({ key, label }, index) => {
    const button = group.children[index];
    setText(button, texts.t(key));
    button.setAttribute("aria-label", texts.t(label, values));
  });
  return group;
}
