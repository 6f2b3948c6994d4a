//! Statements over many rows: a statement for each would cost more than the rows do.

use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, Executor};

/// Rows of one statement, largest first. Few sizes, so that every statement is prepared once and then
/// found; times the widest row (11 columns) far below SQLite's 32,766 parameters.
const CHUNKS: [usize; 5] = [256, 64, 16, 4, 1];

/// A statement whose parameters are being bound.
pub(super) type Statement = Query<'static, Sqlite, SqliteArguments>;

/// A statement that has a group of parameters for each row between its head and its tail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bulk {
    /// Up to the first group; `INSERT INTO t (a, b) VALUES `.
    pub(super) head: &'static str,
    /// Parameters in each group.
    pub(super) columns: usize,
    /// After the last group.
    pub(super) tail: &'static str,
}

impl Bulk {
    /// Runs it over all rows, in order.
    pub(super) async fn run<R>(
        &self,
        connection: &mut SqliteConnection,
        rows: &[R],
        bind: impl Fn(Statement, &R) -> Statement,
    ) -> Result<(), sqlx::Error> {
        let mut rest = rows;
        for size in CHUNKS {
            while rest.len() >= size {
                let (chunk, later) = rest.split_at(size);
                let statement = sqlx::query(AssertSqlSafe(self.text(size)));
                let statement = chunk.iter().fold(statement, &bind);
                connection.execute(statement).await?;
                rest = later;
            }
        }
        Ok(())
    }

    fn text(&self, rows: usize) -> String {
        let group = format!("({})", vec!["?"; self.columns].join(","));
        format!("{}{}{}", self.head, vec![group; rows].join(","), self.tail)
    }
}
