//! What stands behind the question mark, cursors and times among it.

use super::bodies::CATALOGUE;
use super::{answer, now};
use licence_broker::http::fuzzing;

/// The text is a query, and a cursor.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(problem) = fuzzing::query(text, &CATALOGUE, now()) {
        answer::check(&problem);
    }
    if let Some((position, again)) = fuzzing::cursor(text) {
        assert_eq!(again, text, "the cursor of {position:?}");
    }
}
