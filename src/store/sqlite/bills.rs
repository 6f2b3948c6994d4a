//! Reads what bills are made of.

use super::SqliteStore;
use super::StoreError;
use super::error::aborted;
use super::report::KEY_OF_NUMBER;
use super::value::{Reader, millis, month_text, number};
use crate::domain::ids::OrganisationId;
use crate::domain::pool::Totals;
use crate::store::bills::{Bills, ClosedLine, MaximumRow, TotalsRow};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteRow;
use std::collections::HashMap;

#[async_trait]
impl Bills for SqliteStore {
    async fn closed_lines(
        &self,
        organisation: OrganisationId,
        month: NaiveDate,
    ) -> Result<Vec<ClosedLine>, StoreError> {
        let text = format!(
            "SELECT licence, base, concurrent, fixed, contingency_max, unit_price \
             FROM bill_lines WHERE organisation = {KEY_OF_NUMBER} AND month = ?"
        );
        let query = sqlx::query(AssertSqlSafe(text)).bind(number(organisation));
        let query = query.bind(month_text(month));
        let rows = query.fetch_all(self.readers()).await.map_err(aborted)?;
        let line = |row: Reader<'_, SqliteRow>| {
            Ok(ClosedLine {
                licence: row.text("licence")?.to_owned(),
                bought: Totals {
                    base: row.count("base")?,
                    concurrent: row.count("concurrent")?,
                    contingency: 0,
                    fixed: row.count("fixed")?,
                },
                contingency_max: row.count("contingency_max")?,
                unit_price: row.optional_word("unit_price", |text| text.parse::<Decimal>().ok())?,
            })
        };
        rows.iter().map(|row| line(Reader(row))).collect()
    }

    async fn maxima(
        &self,
        organisation: OrganisationId,
        month: NaiveDate,
    ) -> Result<Vec<MaximumRow>, StoreError> {
        let text = format!(
            "SELECT m.licence, maximum, reached_at, session, user FROM maxima AS m \
             LEFT JOIN maximum_sessions AS s ON s.organisation = m.organisation \
             AND s.month = m.month AND s.licence = m.licence \
             WHERE m.organisation = {KEY_OF_NUMBER} AND m.month = ? ORDER BY m.licence, session"
        );
        let query = sqlx::query(AssertSqlSafe(text)).bind(number(organisation));
        let query = query.bind(month_text(month));
        let rows = query.fetch_all(self.readers()).await.map_err(aborted)?;
        let mut maxima: HashMap<&str, MaximumRow> = HashMap::new();
        for row in rows.iter().map(Reader) {
            let key = row.text("licence")?;
            let (maximum, reached_at) = (row.count("maximum")?, row.instant("reached_at")?);
            let entry = maxima.entry(key).or_insert_with(|| MaximumRow {
                licence: key.to_owned(),
                maximum,
                reached_at,
                sessions: Vec::new(),
            });
            if row.optional_text("session")?.is_some() {
                entry.sessions.push((row.session()?, row.shared_text("user")?));
            }
        }
        Ok(maxima.into_values().collect())
    }

    async fn totals_history(
        &self,
        organisation: OrganisationId,
        licence: &str,
        to: DateTime<Utc>,
    ) -> Result<Vec<TotalsRow>, StoreError> {
        let text = format!(
            "SELECT at, base, concurrent, contingency, fixed FROM totals_log \
             WHERE organisation = {KEY_OF_NUMBER} AND licence = ? AND at < ? ORDER BY id"
        );
        let query = sqlx::query(AssertSqlSafe(text)).bind(number(organisation));
        let query = query.bind(licence).bind(millis(to));
        let rows = query.fetch_all(self.readers()).await.map_err(aborted)?;
        let change = |row: Reader<'_, SqliteRow>| {
            Ok(TotalsRow { at: row.instant("at")?, totals: crate::store::loaded::totals(row)? })
        };
        rows.iter().map(|row| change(Reader(row))).collect()
    }
}
