/** Amounts as the API has them: exact decimals, in whatever currency the contract is. */

/**
 * @param {?string} amount digits with a point
 * @param {import("../../i18n.js").Texts} texts
 * @returns {string} with its thousands set apart; exact, however large
 */
export function money(amount, texts) {
  if (amount === null || amount === undefined) return "–";
  const [whole, fraction] = amount.split(".");
  return fraction === undefined ? texts.number(BigInt(whole)) : `${texts.number(BigInt(whole))}.${fraction}`;
}

/**
 * @param {string} one
 * @param {string} other
 * @returns {boolean} whether two decimals are one number: `12.5` is `12.50`
 */
export function isSameMoney(one, other) {
  const plain = (amount) => amount.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  return plain(one) === plain(other);
}
