//! What the year leaves for finance: what was in force, who held a maximum, the bill of closed months.
//! What commits have written of it stays as they wrote it.

use super::ZONE;
use super::ledger::{Ledger, open};
use chrono::{DateTime, Utc};
use licence_broker::domain::ids::SessionId;
use licence_broker::domain::moment::{end_of_month, month_of, start_of_day};
use rusqlite::{Connection, params};
use std::path::Path;

const TOTALS_LOG: &str = "INSERT INTO totals_log (organisation, at, licence, base, concurrent, \
    contingency, fixed) SELECT organisation, created_at, licence, base, concurrent, contingency, fixed \
    FROM totals JOIN organisations ON key = organisation WHERE NOT EXISTS (SELECT 1 FROM totals_log)";

const BILL_LINES: &str = "INSERT OR IGNORE INTO bill_lines (organisation, month, licence, base, \
    concurrent, fixed, contingency_max, unit_price, closed_at) SELECT organisation, ?1, licence, base, \
    concurrent, fixed, coalesce((SELECT maximum FROM maxima WHERE maxima.organisation = \
    totals.organisation AND month = ?1 AND maxima.licence = totals.licence), 0), '12.50', ?2 FROM totals";

pub(super) fn write(path: &Path, ledger: &Ledger, end: DateTime<Utc>) {
    let mut connection = open(path);
    let transaction = connection.transaction().expect("begun");
    transaction.execute(TOTALS_LOG, []).expect("kept");
    for ((month, licence), holders) in &ledger.maxima {
        for (session, user) in holders {
            keep_holder(&transaction, &month.to_string(), licence, *session, user);
        }
    }
    let mut month = month_of(start_of_day(super::first_day(), ZONE), ZONE);
    while end_of_month(month, ZONE) <= end {
        let closed = end_of_month(month, ZONE);
        let values = params![month.to_string(), closed.timestamp_millis()];
        transaction.execute(BILL_LINES, values).expect("kept");
        month = month_of(closed, ZONE);
    }
    transaction.commit().expect("committed");
}

fn keep_holder(
    connection: &Connection,
    month: &str,
    licence: &str,
    session: SessionId,
    user: &str,
) {
    let insert = "INSERT OR IGNORE INTO maximum_sessions (organisation, month, licence, session, user) \
        SELECT max(key), ?, ?, ?, ? FROM organisations";
    let values = params![month, licence, session.to_string(), user];
    connection.execute(insert, values).expect("kept");
}
