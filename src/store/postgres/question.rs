//! Pages of logs and lists, put together condition by condition.

use super::organisations::KEY_OF_NUMBER;
use super::statement::Statement;
use super::value::{millis, number};
use crate::domain::ids::OrganisationId;
use crate::store::{Page, Range};
use chrono::{DateTime, Utc};

/// By which index a page is read. Each has an order of its own, so that the planner, which may not sort pages,
/// has no choice where it does not know better: it takes every index for a good one whose rows it has not
/// counted yet. Within one organisation the instants of a log and its cursors grow together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// By the cursor, within what is equal.
    Cursor,
    /// By the cursor, back from it.
    CursorBack,
    /// By the instant, then the cursor.
    Instant,
    /// By the cursor, within what is equal; a range is one of cursors, found by the instants.
    CursorInRange,
}

/// A page that is being asked for.
pub(super) struct Question {
    statement: Statement<'static>,
    table: &'static str,
    order: Order,
}

impl Question {
    /// Of a table with the columns `organisation`, `id` and, where it is a log, `at`. The rows have their
    /// `cursor` beside the columns.
    pub(super) fn new(
        columns: &str,
        table: &'static str,
        organisation: OrganisationId,
        page: Page,
        order: Order,
    ) -> Self {
        let text = format!(
            "SELECT id AS cursor, {columns} FROM {table} WHERE organisation = {KEY_OF_NUMBER} AND id "
        );
        let mut statement = Statement::new(text).bind(number(organisation));
        let beyond = match order {
            Order::Cursor | Order::Instant | Order::CursorInRange => "> ",
            Order::CursorBack => "< ",
        };
        statement.push(beyond).push_bind(page.after);
        if matches!(order, Order::Instant) && page.after > 0 {
            // Nothing after the cursor is earlier than it; a cursor of a row that is gone says nothing.
            let from = format!(" AND at >= coalesce((SELECT at FROM {table} WHERE id = ");
            statement.push(&from).push_bind(page.after).push("), 0)");
        }
        Self { statement, table, order }
    }

    pub(super) fn within(&mut self, range: Range) {
        for (comparison, instant) in [(" >= ", range.from), (" < ", range.to)] {
            let Some(instant) = instant else { continue };
            match self.order {
                Order::Cursor | Order::CursorBack | Order::Instant => {
                    self.statement.push(" AND at").push(comparison).push_bind(millis(instant));
                }
                Order::CursorInRange => {
                    self.statement.push(" AND id").push(comparison);
                    self.first_from(instant);
                }
            }
        }
    }

    /// The cursor of the first record from an instant on, or what is beyond all of them.
    fn first_from(&mut self, instant: DateTime<Utc>) {
        let of_log = format!(
            "coalesce((SELECT id FROM {} WHERE organisation = {KEY_OF_NUMBER} AND at >= ",
            self.table
        );
        self.statement.push(&of_log).push_bind(millis(instant));
        self.statement.push(" ORDER BY at, id LIMIT 1), 9223372036854775807)");
    }

    pub(super) fn equals(&mut self, column: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value.map(Into::into) {
            self.statement.push(" AND ").push(column).push(" = ").push_bind(value);
        }
    }

    /// With at most so many rows.
    pub(super) fn end(mut self, limit: u32) -> Statement<'static> {
        let order = match self.order {
            Order::Cursor | Order::CursorInRange => " ORDER BY id LIMIT ",
            Order::CursorBack => " ORDER BY id DESC LIMIT ",
            Order::Instant => " ORDER BY at, id LIMIT ",
        };
        self.statement.push(order).push_bind(i64::from(limit));
        self.statement
    }
}
