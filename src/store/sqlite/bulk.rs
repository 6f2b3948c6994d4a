//! One statement over many rows.

use rusqlite::types::ToSql;
use rusqlite::{Connection, Statement};

/// Rows of one statement of [`Append`], most first: the records of five logins, of one, and what is left.
/// Few sizes, so that every statement is prepared once and then found; with more rows each costs more again.
const CHUNKS: [usize; 3] = [15, 3, 1];

/// Has `run` execute `statement` for each row, in order.
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

/// Adds to a log, several rows with one statement. SQLite keeps a log's last number in a table of its own and
/// looks it up and writes it in every statement, which costs more than the row (docs/PERFORMANCE.md). Such a
/// statement is to leave what it has done where it fails (`OR FAIL`, and nothing checked at its end), or SQLite
/// keeps each page as it was, so that the statement alone can be undone; a batch never is but as a whole.
#[derive(Debug)]
pub(super) struct Append {
    /// A statement for each of [`CHUNKS`].
    statements: [String; CHUNKS.len()],
}

/// The values of a statement, as they are bound one after the other.
pub(super) struct Values<'s, 'c> {
    statement: &'s mut Statement<'c>,
    bound: usize,
}

impl Values<'_, '_> {
    /// The next value.
    pub(super) fn put(&mut self, value: impl ToSql) -> rusqlite::Result<&mut Self> {
        self.bound += 1;
        self.statement.raw_bind_parameter(self.bound, value)?;
        Ok(self)
    }
}

impl Append {
    /// `head` is the statement up to its first group of values, of which each has so many `columns`.
    pub(super) fn new(head: &str, columns: usize) -> Self {
        let group = format!("({})", vec!["?"; columns].join(","));
        let statement = |rows| format!("{head}{}", vec![group.as_str(); rows].join(","));
        Self { statements: CHUNKS.map(statement) }
    }

    /// Adds all rows, in order; `bind` puts the values of one.
    pub(super) fn run<R>(
        &self,
        connection: &Connection,
        rows: &[R],
        bind: impl Fn(&mut Values<'_, '_>, &R) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut rest = rows;
        let fitting = CHUNKS.into_iter().zip(&self.statements);
        for (size, statement) in fitting.filter(|(size, _)| *size <= rows.len()) {
            let chunks = rest.chunks_exact(size);
            rest = chunks.remainder();
            let mut statement = connection.prepare_cached(statement)?;
            for chunk in chunks {
                let mut values = Values { statement: &mut statement, bound: 0 };
                chunk.iter().try_for_each(|row| bind(&mut values, row))?;
                statement.raw_execute()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_added_in_order_however_many_there_are() {
        let add = Append::new("INSERT INTO t (x, y) VALUES ", 2);
        for count in [0, 1, 2, 3, 14, 15, 16, 33, 50] {
            let connection = Connection::open_in_memory().expect("memory");
            let table = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, x, y)";
            connection.execute_batch(table).expect("a table");
            let rows: Vec<i64> = (1..=count).collect();
            let bind = |values: &mut Values<'_, '_>, row: &i64| {
                values.put(row)?.put("y")?;
                Ok(())
            };
            add.run(&connection, &rows, bind).expect("added");
            let mut read = connection.prepare("SELECT x FROM t ORDER BY id").expect("a question");
            let found = read.query_map([], |row| row.get(0)).expect("an answer");
            assert_eq!(found.collect::<rusqlite::Result<Vec<i64>>>().expect("rows"), rows);
        }
    }
}
