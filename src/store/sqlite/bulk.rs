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
/// looks it up and writes it in every statement, which costs more than the row (docs/PERFORMANCE.md).
#[derive(Clone, Copy, Debug)]
pub(super) struct Append {
    /// Up to the first group of values; `INSERT INTO t (a, b) VALUES `.
    pub(super) head: &'static str,
    /// Values in each group.
    pub(super) columns: usize,
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
    /// Adds all rows, in order; `bind` puts the values of one.
    pub(super) fn run<R>(
        self,
        connection: &Connection,
        rows: &[R],
        bind: impl Fn(&mut Values<'_, '_>, &R) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut rest = rows;
        for size in CHUNKS.into_iter().filter(|size| *size <= rows.len()) {
            let chunks = rest.chunks_exact(size);
            rest = chunks.remainder();
            let mut statement = connection.prepare_cached(&self.text(size))?;
            for chunk in chunks {
                let mut values = Values { statement: &mut statement, bound: 0 };
                chunk.iter().try_for_each(|row| bind(&mut values, row))?;
                statement.raw_execute()?;
            }
        }
        Ok(())
    }

    fn text(self, rows: usize) -> String {
        let group = format!("({})", vec!["?"; self.columns].join(","));
        format!("{}{}", self.head, vec![group; rows].join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_added_in_order_however_many_there_are() {
        const ADD: Append = Append { head: "INSERT INTO t (x, y) VALUES ", columns: 2 };
        for count in [0, 1, 2, 3, 14, 15, 16, 33, 50] {
            let connection = Connection::open_in_memory().expect("memory");
            let table = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, x, y)";
            connection.execute_batch(table).expect("a table");
            let rows: Vec<i64> = (1..=count).collect();
            let bind = |values: &mut Values<'_, '_>, row: &i64| {
                values.put(row)?.put("y")?;
                Ok(())
            };
            ADD.run(&connection, &rows, bind).expect("added");
            let mut read = connection.prepare("SELECT x FROM t ORDER BY id").expect("a question");
            let found = read.query_map([], |row| row.get(0)).expect("an answer");
            assert_eq!(found.collect::<rusqlite::Result<Vec<i64>>>().expect("rows"), rows);
        }
    }
}
