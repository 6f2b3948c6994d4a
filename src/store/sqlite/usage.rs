//! The per-user log, as it is read: by session, by user, or by time.

use super::error::aborted;
use super::value::{SessionText, corrupt, millis, number};
use super::{Page, Part, Range, StoreError, Stored, UsageFilter, UsageLine, UsageRow, UsageScribe};
use crate::domain::ids::{OrganisationId, SessionId};
use crate::domain::reason::{LogonSource, ReleaseReason, UsageType};
use crate::store::log_rows;
use chrono::DateTime;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

/// What is done with each record; the first argument is its cursor.
type Each<'a> = dyn FnMut(i64, &UsageLine<'_>) -> Result<(), StoreError> + 'a;

/// The records of a page.
pub(super) fn page(
    connection: &mut Connection,
    organisation: OrganisationId,
    filter: &UsageFilter,
    page: Page,
) -> Result<Vec<Stored<UsageRow>>, StoreError> {
    let mut records = Vec::new();
    read(connection, organisation, filter, page, &mut |cursor, line| {
        records.push(log_rows::usage(cursor, line)?);
        Ok(())
    })?;
    Ok(records)
}

/// What `filter` lets through of the records of a page, as `scribe` writes them.
pub(super) fn part(
    connection: &mut Connection,
    organisation: OrganisationId,
    filter: &UsageFilter,
    page: Page,
    mut scribe: Box<dyn UsageScribe>,
) -> Result<Part, StoreError> {
    let mut last = 0;
    let looked_at = log_rows::looked_at(filter);
    let count = read(connection, organisation, &looked_at, page, &mut |cursor, line| {
        last = cursor;
        if log_rows::lets_through(filter, line) {
            scribe.write(line);
        }
        Ok(())
    })?;
    Ok(Part { text: scribe.finish(), after: (count == page.limit).then_some(last) })
}

/// Calls `each` for the records of a page, in order; how many there were.
fn read(
    connection: &mut Connection,
    organisation: OrganisationId,
    filter: &UsageFilter,
    page: Page,
    each: &mut Each<'_>,
) -> Result<u32, StoreError> {
    // One moment for all statements: a run that is added between two of them would hide its records.
    let snapshot = connection.transaction().map_err(aborted)?;
    let key = "SELECT key FROM organisations WHERE number = ? AND removed_at IS NULL";
    let key = snapshot.query_row(key, [number(organisation)], |row| row.get(0)).optional();
    let Some(key) = key.map_err(aborted)? else { return Ok(0) };
    if let Some(session) = filter.session {
        return Question::of_session(key, session, page).within(filter, page).ask(&snapshot, each);
    }
    let Some(user) = &filter.user else {
        return Question::of_all(key, page).within(filter, page).ask(&snapshot, each);
    };
    let indexed = indexed(&snapshot)?;
    let by_index = Question::of_user(key, user, page, indexed, filter.range);
    let read = by_index.within(filter, page).ask(&snapshot, each)?;
    if read == page.limit {
        return Ok(read);
    }
    let rest = Page { limit: page.limit - read, ..page };
    let question = Question::of_all(key, rest).beyond(key, indexed);
    Ok(read + question.within(filter, rest).ask(&snapshot, each)?)
}

/// How far the index by user goes.
#[derive(Clone, Copy)]
struct Indexed {
    /// The last record in it, of whichever organisation.
    last_id: i64,
    /// The latest instant in it.
    last_at: i64,
}

fn indexed(connection: &Connection) -> Result<Indexed, StoreError> {
    let text = "SELECT last_id, last_at FROM usage_runs ORDER BY last_id DESC LIMIT 1";
    let mut statement = connection.prepare_cached(text).map_err(aborted)?;
    let read = |row: &Row<'_>| Ok(Indexed { last_id: row.get(0)?, last_at: row.get(1)? });
    let found = statement.query_row([], read).optional().map_err(aborted)?;
    Ok(found.unwrap_or(Indexed { last_id: 0, last_at: 0 }))
}

/// A statement that is being put together, with its values.
struct Question {
    text: String,
    values: Vec<Value>,
    order: &'static str,
}

impl Question {
    /// Within one organisation ids and instants grow together, so whichever an index has serves pages.
    fn of_all(organisation: i64, page: Page) -> Self {
        let mut question = Self::new("usage INDEXED BY usage_at", "usage.at, usage.id");
        question.and("usage.organisation = ?", organisation);
        question.and("usage.id > ?", page.after);
        if page.after > 0 {
            // Nothing after the cursor is earlier than it; a cursor of a row that is gone says nothing.
            let from = "usage.at >= coalesce((SELECT at FROM usage WHERE id = ?), 0)";
            question.and(from, page.after);
        }
        question
    }

    fn of_session(organisation: i64, session: SessionId, page: Page) -> Self {
        let mut question = Self::new("usage INDEXED BY usage_session", "usage.id");
        question.and("usage.session = ?", SessionText::of(session).to_string());
        question.and("usage.organisation = ?", organisation);
        question.and("usage.id > ?", page.after);
        question
    }

    /// Only records that are not in the index by user. Those of one organisation are no earlier than its
    /// last one in the index; those of others may be.
    fn beyond(mut self, organisation: i64, indexed: Indexed) -> Self {
        self.and("usage.id > ?", indexed.last_id);
        self.text.push_str(
            " AND usage.at >= coalesce((SELECT at FROM usage INDEXED BY usage_at \
             WHERE organisation = ? AND at <= ? AND id <= ? ORDER BY at DESC LIMIT 1), 0)",
        );
        self.values.extend([organisation, indexed.last_at, indexed.last_id].map(Value::from));
        self
    }

    /// Records in the index, by the runs that touch the range.
    fn of_user(organisation: i64, user: &str, page: Page, indexed: Indexed, range: Range) -> Self {
        // `CROSS JOIN` keeps SQLite to this order of loops, which is that of the records.
        let runs = "usage_runs CROSS JOIN usage_of_user ON run = last_id \
                    CROSS JOIN usage ON usage.id = usage_of_user.id";
        let mut question = Self::new(runs, "last_id, usage_of_user.id");
        question.and("last_id > ?", page.after);
        question.and("last_id <= ?", indexed.last_id);
        question.and_if("last_at >= ?", range.from.map(millis));
        question.and_if("first_at < ?", range.to.map(millis));
        question.and("usage_of_user.organisation = ?", organisation);
        question.and("usage_of_user.user = ?", user.to_owned());
        question.and("usage_of_user.id > ?", page.after);
        question
    }

    fn new(tables: &str, order: &'static str) -> Self {
        let columns = "usage.id, usage.at, usage.usage_type, usage.licence, usage.user, \
                       usage.device, usage.logon_source, usage.session, usage.pool, usage.reason";
        let text = format!("SELECT {columns} FROM {tables} WHERE TRUE");
        Self { text, values: Vec::new(), order }
    }

    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
        self.values.push(value.into());
    }

    fn and_if(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.and(condition, value);
        }
    }

    /// Everything that the filter says about a record, and how many of them.
    fn within(mut self, filter: &UsageFilter, page: Page) -> Self {
        let text = |word: &'static str| word.to_owned();
        self.and_if("usage.at >= ?", filter.range.from.map(millis));
        self.and_if("usage.at < ?", filter.range.to.map(millis));
        self.and_if("usage.user = ?", filter.user.clone());
        self.and_if("usage.licence = ?", filter.licence.clone());
        self.and_if("usage.usage_type = ?", filter.usage_type.map(UsageType::as_str).map(text));
        let source = filter.logon_source.map(LogonSource::as_str);
        self.and_if("usage.logon_source = ?", source.map(text));
        self.and_if("usage.reason = ?", filter.reason.map(ReleaseReason::as_str).map(text));
        self.text.push_str(" ORDER BY ");
        self.text.push_str(self.order);
        self.text.push_str(" LIMIT ?");
        self.values.push(i64::from(page.limit).into());
        self
    }

    fn ask(self, connection: &Connection, each: &mut Each<'_>) -> Result<u32, StoreError> {
        let mut statement = connection.prepare_cached(&self.text).map_err(aborted)?;
        let mut rows = statement.query(params_from_iter(self.values)).map_err(aborted)?;
        let mut read = 0;
        while let Some(row) = rows.next().map_err(aborted)? {
            each(row.get(0).map_err(aborted)?, &line(row)?)?;
            read += 1;
        }
        Ok(read)
    }
}

fn line<'r>(row: &'r Row<'_>) -> Result<UsageLine<'r>, StoreError> {
    let optional = |column: usize| {
        let value = row.get_ref(column).map_err(aborted)?;
        value.as_str_or_null().map_err(|_| corrupt("the per-user log's column", column))
    };
    let text =
        |column| optional(column)?.ok_or_else(|| corrupt("the per-user log's column", column));
    let at: i64 = row.get(1).map_err(aborted)?;
    Ok(UsageLine {
        at: DateTime::from_timestamp_millis(at).ok_or_else(|| corrupt("at", at))?,
        usage_type: text(2)?,
        licence: text(3)?,
        user: text(4)?,
        device: text(5)?,
        logon_source: text(6)?,
        session: text(7)?,
        pool: text(8)?,
        reason: optional(9)?,
    })
}
