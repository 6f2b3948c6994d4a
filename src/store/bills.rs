//! What bills are read from.

use super::StoreError;
use crate::domain::ids::{OrganisationId, SessionId, UserName};
use crate::domain::pool::Totals;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

/// A line of a closed month, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedLine {
    /// The key of the type; the catalogue may have lost it since.
    pub licence: String,
    /// The highest totals in force during the month; of contingency nothing is kept.
    pub bought: Totals,
    /// The most contingency licences that were in use.
    pub contingency_max: u32,
    /// What a contingency licence cost in a month.
    pub unit_price: Option<Decimal>,
}

/// The most contingency licences of one type in one month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaximumRow {
    /// The key of the type.
    pub licence: String,
    /// How many.
    pub maximum: u32,
    /// When that was reached.
    pub reached_at: DateTime<Utc>,
    /// By which sessions they were held then, and whose those were; oldest first.
    pub sessions: Vec<(SessionId, UserName)>,
}

/// A change of what was bought of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalsRow {
    /// When.
    pub at: DateTime<Utc>,
    /// What was bought from then on.
    pub totals: Totals,
}

/// The part of the store that bills are read from.
#[async_trait]
pub trait Bills: Send + Sync {
    /// The lines of a closed month, in no particular order; none if it is not closed.
    async fn closed_lines(
        &self,
        organisation: OrganisationId,
        month: NaiveDate,
    ) -> Result<Vec<ClosedLine>, StoreError>;

    /// The maxima of a month, closed or not, in no particular order.
    async fn maxima(
        &self,
        organisation: OrganisationId,
        month: NaiveDate,
    ) -> Result<Vec<MaximumRow>, StoreError>;

    /// Every change of what was bought of a type (by its key) before `to`, oldest first.
    async fn totals_history(
        &self,
        organisation: OrganisationId,
        licence: &str,
        to: DateTime<Utc>,
    ) -> Result<Vec<TotalsRow>, StoreError>;
}
