/** What went wrong, said in full by the page itself: next to a field of the form, or above it. */
export class Told extends Error {
  /** What is shown. */
  words;
  /** The field that is meant, if one is. */
  field;

  /** @param {string} words in words @param {string} [field] */
  constructor(words, field) {
    super(words);
    this.name = "Told";
    this.words = words;
    this.field = field;
  }
}
