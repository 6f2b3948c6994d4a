//! Reads what bills are made of.

use super::SqliteStore;
use super::StoreError;
use super::error::aborted;
use super::report::KEY_OF_NUMBER;
use super::value::{Reader, millis, month_text, number};
use crate::domain::ids::OrganisationId;
use crate::store::bill_rows;
use crate::store::bills::{Bills, ClosedLine, MaximumRow, TotalsRow};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::AssertSqlSafe;

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
        rows.iter().map(|row| bill_rows::closed_line(Reader(row))).collect()
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
        bill_rows::maxima(&rows)
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
        rows.iter().map(|row| bill_rows::change(Reader(row))).collect()
    }
}
