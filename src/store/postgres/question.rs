//! Pages of logs and lists, put together condition by condition.

use super::organisations::KEY_OF_NUMBER;
use super::statement::Statement;
use super::value::{millis, number};
use crate::domain::ids::OrganisationId;
use crate::store::{Page, Range};

/// By what a page is in order, and where the one before it ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// By the cursor.
    Cursor,
    /// By the cursor, back from it.
    CursorBack,
    /// By the instant, then the cursor: within one organisation both of a log grow together, so whichever of
    /// them an index has serves its pages.
    Instant,
}

/// A page that is being asked for.
pub(super) struct Question {
    statement: Statement<'static>,
    order: Order,
}

impl Question {
    /// Of a table with the columns `organisation`, `id` and, where it is a log, `at`. The rows have their
    /// `cursor` beside the columns.
    pub(super) fn new(
        columns: &str,
        table: &str,
        organisation: OrganisationId,
        page: Page,
        order: Order,
    ) -> Self {
        let text = format!(
            "SELECT id AS cursor, {columns} FROM {table} WHERE organisation = {KEY_OF_NUMBER} AND id "
        );
        let mut statement = Statement::new(text).bind(number(organisation));
        let beyond = match order {
            Order::Cursor | Order::Instant => "> ",
            Order::CursorBack => "< ",
        };
        statement.push(beyond).push_bind(page.after);
        if matches!(order, Order::Instant) && page.after > 0 {
            // Nothing after the cursor is earlier than it; a cursor of a row that is gone says nothing.
            let from = format!(" AND at >= coalesce((SELECT at FROM {table} WHERE id = ");
            statement.push(&from).push_bind(page.after).push("), 0)");
        }
        Self { statement, order }
    }

    pub(super) fn within(&mut self, range: Range) {
        if let Some(from) = range.from {
            self.statement.push(" AND at >= ").push_bind(millis(from));
        }
        if let Some(to) = range.to {
            self.statement.push(" AND at < ").push_bind(millis(to));
        }
    }

    pub(super) fn equals(&mut self, column: &str, value: Option<impl Into<String>>) {
        let Some(value) = value.map(Into::into) else { return };
        if can_be_kept(&value) {
            self.statement.push(" AND ").push(column).push(" = ").push_bind(value);
        } else {
            self.statement.push(" AND FALSE");
        }
    }

    /// With at most so many rows.
    pub(super) fn end(mut self, limit: u32) -> Statement<'static> {
        let order = match self.order {
            Order::Cursor => " ORDER BY id LIMIT ",
            Order::CursorBack => " ORDER BY id DESC LIMIT ",
            Order::Instant => " ORDER BY at, id LIMIT ",
        };
        self.statement.push(order).push_bind(i64::from(limit));
        self.statement
    }
}

/// Whether a text can be one of the database's: it has none with this character, and refuses it as a value.
pub(super) fn can_be_kept(text: &str) -> bool {
    !text.contains('\0')
}
