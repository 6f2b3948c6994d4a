//! The rows of one statement, turned into an array for each column.

use super::Statements;
use crate::store::postgres::statement::{Statement, Typed};

/// A statement over many rows: `… FROM unnest($1, $2, …)`, an array for each column in this order.
pub(super) struct Table<'a, R> {
    statement: Statement<'a>,
    rows: Vec<R>,
}

impl<'a, R> Table<'a, R> {
    /// Without columns yet.
    pub(super) fn new(text: &'static str, rows: impl IntoIterator<Item = R>) -> Self {
        Self { statement: Statement::new(text), rows: rows.into_iter().collect() }
    }

    /// The next column: what `of` takes out of each row.
    #[must_use]
    pub(super) fn column<T>(mut self, of: impl Fn(&R) -> T) -> Self
    where
        Vec<T>: Typed + 'a,
    {
        let column: Vec<T> = self.rows.iter().map(of).collect();
        self.statement = self.statement.bind(column);
        self
    }

    /// A value that is no column.
    #[must_use]
    pub(super) fn value(mut self, value: impl Typed + 'a) -> Self {
        self.statement = self.statement.bind(value);
        self
    }

    /// Adds the statement, unless there are no rows.
    pub(super) fn end(self, to: &mut Statements<'a>) {
        if !self.rows.is_empty() {
            to.push(self.statement);
        }
    }
}
