/** What went wrong, said in full by the page itself: next to a field of the form, or above it. */
export class Told extends Error {
  /** What is shown. */
  told;
  /** The field that is meant, if one is. */
  field;

  /** @param {string} told in words @param {string} [field] */
  constructor(told, field) {
    super(told);
    this.name = "Told";
    this.told = told;
    this.field = field;
  }
}
