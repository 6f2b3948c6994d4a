//! What is read for reports: five-minute figures, metrics over them, demand that could not be served.

use super::report_fields::Source;
use super::{Page, Range, StoreError, Stored};
use crate::domain::ids::OrganisationId;
use crate::domain::period::{Period, Span};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

/// Which five-minute records; an interval lies in the range if its start does.
#[derive(Clone, Debug, Default)]
pub struct IntervalFilter {
    /// When.
    pub range: Range,
    /// Of which type, by its key.
    pub licence: Option<String>,
}

/// The figures of one licence type in five minutes, as they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalRow {
    /// When it began.
    pub start: DateTime<Utc>,
    /// The key of the type; the catalogue may have lost it since.
    pub licence: String,
    /// Concurrent licences in use.
    pub concurrent: Figures,
    /// Contingency licences in use.
    pub contingency: Figures,
}

/// What was in use within five minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// At the end.
    pub count: u32,
    /// The most.
    pub peak: u32,
    /// The fewest.
    pub low: u32,
}

/// A question for rows by licence type and time.
#[derive(Clone, Debug)]
pub struct ByTime {
    /// What is counted, and when.
    pub filter: IntervalFilter,
    /// The length of the rows; `None` for one row over the whole range.
    pub period: Option<Period>,
    /// Whose hours and days they are.
    pub zone: Tz,
}

/// What was in use of one type in a stretch of time, over the records that begin in it and in the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsRow {
    /// When. A range that cuts it leaves it whole here, and is kept to in what is counted.
    pub span: Span,
    /// The key of the type.
    pub licence: String,
    /// Concurrent licences in use.
    pub concurrent: Metrics,
    /// Contingency licences in use.
    pub contingency: Metrics,
}

/// The three metrics of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// The mean of the counts at the records' ends, in hundredths, half a hundredth rounded up.
    pub average_hundredths: u64,
    /// The greatest peak.
    pub highest: u32,
    /// The least low.
    pub lowest: u32,
}

impl Metrics {
    /// Of the sum of `records` counts, which are one or more.
    pub fn new(records: u64, sum: u64, highest: u32, lowest: u32) -> Self {
        let average_hundredths = (sum * 200 + records) / (records * 2).max(1);
        Self { average_hundredths, highest, lowest }
    }
}

/// The demand for one type that could not be served in a stretch of time: denials for the reasons
/// `exhausted` and `not_purchased`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedRow {
    /// When; see [`MetricsRow::span`].
    pub span: Span,
    /// The key of the type.
    pub licence: String,
    /// How many times it was denied.
    pub denials: u64,
    /// To how many different users.
    pub users: u64,
    /// Of the denials those whose login was refused.
    pub refused: u64,
    /// Those whose session went on without it.
    pub partial: u64,
    /// Those whose session waited.
    pub waiting: u64,
}

/// The most that was needed of one type at once, held and denied together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemandRow {
    /// The key of the type.
    pub licence: String,
    /// The most holders in five minutes.
    pub held_peak: u32,
    /// The most users in five minutes who were denied it (`exhausted`, `not_purchased`) and did not get
    /// it within them.
    pub denied_peak: u32,
    /// The most of both together in the same five minutes.
    pub demand_peak: u32,
    /// The start of the first five minutes in which that was so.
    pub at: DateTime<Utc>,
}

/// A custom report, put together from what [`super::report_fields`] lists.
#[derive(Clone, Debug)]
pub struct ReportQuery {
    /// What is counted.
    pub source: Source,
    /// When; both ends are there.
    pub span: Span,
    /// Whose days and months they are.
    pub zone: Tz,
    /// By what; positions among the source's fields.
    pub dimensions: Vec<usize>,
    /// What is counted; positions among the source's metrics.
    pub metrics: Vec<usize>,
    /// Which records.
    pub filters: Vec<ReportFilter>,
    /// Positions among dimensions and metrics in this order, and whether the greatest comes first.
    pub order: Vec<(usize, bool)>,
    /// At most so many rows.
    pub limit: u32,
}

/// A condition on one field.
#[derive(Clone, Debug)]
pub struct ReportFilter {
    /// Its position among the source's fields.
    pub field: usize,
    /// How it is compared.
    pub operator: super::report_fields::Operator,
    /// With what: one value, or any number of them for `in`.
    pub values: Vec<ReportValue>,
}

/// A value of a report: of a filter, or of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportValue {
    /// Nothing.
    Null,
    /// A text, a word, a date `YYYY-MM-DD` or a month `YYYY-MM`.
    Text(String),
    /// A number.
    Integer(i64),
    /// A number of hundredths.
    Hundredths(i64),
    /// An instant.
    Time(DateTime<Utc>),
}

/// What became of a custom report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportOutcome {
    /// Its rows: the dimensions, then the metrics.
    Rows(Vec<Vec<ReportValue>>),
    /// It took longer than a report may, and was stopped.
    TooLong,
}

/// The part of a store that reports read.
#[async_trait]
pub trait Reports: Send + Sync {
    /// A page of the five-minute records, oldest first, then as in the catalogue.
    async fn intervals_page(
        &self,
        organisation: OrganisationId,
        filter: &IntervalFilter,
        page: Page,
    ) -> Result<Vec<Stored<IntervalRow>>, StoreError>;

    /// A page of metrics, oldest first, then as in the catalogue. All of a page is read at one instant.
    async fn metrics_page(
        &self,
        organisation: OrganisationId,
        question: &ByTime,
        page: Page,
    ) -> Result<Vec<Stored<MetricsRow>>, StoreError>;

    /// A page of the demand that could not be served, in the order of [`Self::metrics_page`].
    async fn denied_page(
        &self,
        organisation: OrganisationId,
        question: &ByTime,
        page: Page,
    ) -> Result<Vec<Stored<DeniedRow>>, StoreError>;

    /// For every type the most that was needed of it within a span, in the order of the catalogue; types
    /// without any record are left out.
    async fn demand(
        &self,
        organisation: OrganisationId,
        span: Span,
    ) -> Result<Vec<DemandRow>, StoreError>;

    /// Makes a custom report. It is stopped when whoever waits for it goes away.
    async fn report(
        &self,
        organisation: OrganisationId,
        query: &ReportQuery,
    ) -> Result<ReportOutcome, StoreError>;
}
