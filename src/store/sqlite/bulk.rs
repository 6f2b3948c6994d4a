//! One statement over many rows.

use rusqlite::{Connection, Statement};

/// Has `run` execute `statement` for each row, in order. It is prepared once for as long as the connection
/// lives; a row by itself is cheaper than as one of many in a list of values, which SQLite must be able to
/// take back in the middle (docs/PERFORMANCE.md).
pub(super) fn each<R>(
    connection: &Connection,
    statement: &str,
    rows: impl IntoIterator<Item = R>,
    mut run: impl FnMut(&mut Statement<'_>, R) -> rusqlite::Result<usize>,
) -> rusqlite::Result<()> {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(statement)?;
    rows.try_for_each(|row| run(&mut statement, row).map(|_| ()))
}
