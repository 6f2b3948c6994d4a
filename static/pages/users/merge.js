/** Two people changed one user: what each of them changed is kept, as far as it can be. */

const FIELDS = Object.freeze(["name", "status", "user_type"]);

/**
 * What somebody changed in a form.
 *
 * @param {Object} before as it was read
 * @param {Object} typed as it stands in the form
 * @returns {Object} the fields that are otherwise
 */
export function changed(before, typed) {
  const different = FIELDS.filter((field) => typed[field] !== before[field]).map((field) => [field, typed[field]]);
  const features = isSameSet(before.features, typed.features) ? [] : [["features", typed.features]];
  return Object.fromEntries([...different, ...features]);
}

/**
 * What the form is to hold after somebody else changed the user as well. A field that both changed keeps what was
 * typed; of the features, those given and taken by either are.
 *
 * @param {Object} before as it was read
 * @param {Object} typed as it stands in the form
 * @param {Object} now as somebody else left it
 * @returns {Object}
 */
export function merged(before, typed, now) {
  const mine = changed(before, typed);
  const taken = before.features.filter((feature) => !typed.features.includes(feature));
  const given = typed.features.filter((feature) => !before.features.includes(feature));
  const features = [...new Set([...now.features, ...given])].filter((feature) => !taken.includes(feature));
  return { ...Object.fromEntries(FIELDS.map((field) => [field, mine[field] ?? now[field]])), features };
}

function isSameSet(one, other) {
  return one.length === other.length && one.every((item) => other.includes(item));
}
