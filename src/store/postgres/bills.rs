//! Reads what bills are made of.

use super::PostgresStore;
use super::organisations::KEY_OF_NUMBER;
use super::statement::Statement;
use super::value::{Reader, millis, month_text, number};
use crate::domain::ids::OrganisationId;
use crate::store::bills::{Bills, ClosedLine, MaximumRow, TotalsRow};
use crate::store::{StoreError, bill_rows};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

#[async_trait]
impl Bills for PostgresStore {
    async fn closed_lines(
        &self,
        organisation: OrganisationId,
        month: NaiveDate,
    ) -> Result<Vec<ClosedLine>, StoreError> {
        let text = format!(
            "SELECT licence, base, concurrent, fixed, contingency_max, unit_price \
             FROM bill_lines WHERE organisation = {KEY_OF_NUMBER} AND month = $2"
        );
        let question = Statement::new(text).bind(number(organisation)).bind(month_text(month));
        let rows = self.inner.connections.rows(&question).await?;
        rows.iter().map(|row| bill_rows::closed_line(Reader(row))).collect()
    }

    async fn maxima(
        &self,
        organisation: OrganisationId,
        month: NaiveDate,
    ) -> Result<Vec<MaximumRow>, StoreError> {
        let text = format!(
            "SELECT m.licence, maximum, reached_at, session, \"user\" FROM maxima AS m \
             LEFT JOIN maximum_sessions AS s ON s.organisation = m.organisation \
             AND s.month = m.month AND s.licence = m.licence \
             WHERE m.organisation = {KEY_OF_NUMBER} AND m.month = $2 ORDER BY m.licence, session"
        );
        let question = Statement::new(text).bind(number(organisation)).bind(month_text(month));
        bill_rows::maxima(&self.inner.connections.rows(&question).await?)
    }

    async fn totals_history(
        &self,
        organisation: OrganisationId,
        licence: &str,
        to: DateTime<Utc>,
    ) -> Result<Vec<TotalsRow>, StoreError> {
        let text = format!(
            "SELECT at, base, concurrent, contingency, fixed FROM totals_log \
             WHERE organisation = {KEY_OF_NUMBER} AND licence = $2 AND at < $3 ORDER BY id"
        );
        let question = Statement::new(text).bind(number(organisation));
        let question = question.bind(licence).bind(millis(to));
        let rows = self.inner.connections.rows(&question).await?;
        rows.iter().map(|row| bill_rows::change(Reader(row))).collect()
    }
}
