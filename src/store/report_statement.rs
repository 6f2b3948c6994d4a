//! The statement of a custom report, put together from what stands here, in the table of fields and in a
//! database's dialect; whatever a caller says is bound as a value.

use super::StoreError;
use super::report_fields::{Calendar, FieldKind, Operator, Source};
use super::reports::{ReportFilter, ReportQuery, ReportValue};
use super::value::{corrupt, millis};
use crate::domain::period::{Steady, steady_times};
use chrono::DateTime;
use std::fmt::Write as _;

/// What databases say differently.
pub(super) struct Dialect {
    /// Comes before the number of a value.
    pub(super) mark: char,
    /// Where the records of a source are.
    pub(super) table: fn(Source) -> &'static str,
    /// Where the stretch of a record begins, from its `instant_ms`, `shift_ms` and `since_ms`: an instant, a
    /// date, or a month.
    pub(super) stretch: fn(Calendar) -> &'static str,
    /// The function that says where in a text another one begins first; 0 if nowhere.
    pub(super) place: &'static str,
}

/// A value of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Integer(i64),
    Text(String),
}

/// The statement over the records of the organisation with this internal key, and its values, of which the
/// first has the number 1. Its columns are the dimensions, then the metrics.
pub(super) fn statement(query: &ReportQuery, key: i64, dialect: &Dialect) -> (String, Vec<Bound>) {
    let mut statement = Statement { dialect, text: "SELECT ".to_owned(), values: Vec::new() };
    statement.columns(query);
    statement.records(query, key);
    for filter in &query.filters {
        statement.filter(query.source, filter);
    }
    statement.groups_in_order(query);
    (statement.text, statement.values)
}

/// A statement that is being put together.
struct Statement<'d> {
    dialect: &'d Dialect,
    text: String,
    values: Vec<Bound>,
}

impl Statement<'_> {
    fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    fn bind(&mut self, value: Bound) -> &mut Self {
        self.values.push(value);
        // Writing into a text cannot fail.
        let _ = write!(self.text, "{}{}", self.dialect.mark, self.values.len());
        self
    }

    fn number(&mut self, value: i64) -> &mut Self {
        self.bind(Bound::Integer(value))
    }

    fn columns(&mut self, query: &ReportQuery) {
        let (fields, metrics) = (query.source.fields(), query.source.metrics());
        let dimensions = query.dimensions.iter().map(|position| match fields[*position].kind {
            FieldKind::Calendar(calendar) => (self.dialect.stretch)(calendar),
            FieldKind::Text | FieldKind::Integer | FieldKind::Time | FieldKind::Word(_) => {
                fields[*position].column
            }
        });
        let metrics = query.metrics.iter().map(|position| metrics[*position].expression);
        let columns: Vec<&str> = dimensions.chain(metrics).collect();
        self.push(&columns.join(", "));
    }

    /// The records of the range, each with `instant_ms`, and with `shift_ms` from UTC to local time and
    /// `since_ms` from when on clocks were so.
    fn records(&mut self, query: &ReportQuery, key: i64) {
        let instant = instant(query.source);
        let table = (self.dialect.table)(query.source);
        let mut times = steady_times(query.span, query.zone);
        if let Some(first) = times.first_mut() {
            // An hour that the range cuts begins where it began.
            first.span.start = DateTime::UNIX_EPOCH;
        }
        self.push(" FROM (SELECT *, ").push(instant).push(" AS instant_ms, ");
        self.by_time(instant, &times, |time| time.offset_ms);
        self.push(" AS shift_ms, ");
        self.by_time(instant, &times, |time| millis(time.span.start));
        self.push(" AS since_ms FROM ").push(table).push(" WHERE organisation = ").number(key);
        self.push(" AND ").push(instant).push(" >= ").number(millis(query.span.start));
        self.push(" AND ").push(instant).push(" < ").number(millis(query.span.end));
        self.push(") AS records WHERE TRUE");
    }

    /// The value of the steady time in which the instant falls.
    fn by_time(&mut self, instant: &str, times: &[Steady], value: impl Fn(&Steady) -> i64) {
        self.push("CASE");
        for time in times {
            self.push(" WHEN ").push(instant).push(" < ").number(millis(time.span.end));
            self.push(" THEN ").number(value(time));
        }
        self.push(" END");
    }

    fn filter(&mut self, source: Source, filter: &ReportFilter) {
        let field = &source.fields()[filter.field];
        let comparison = match filter.operator {
            Operator::Equal => " = ",
            Operator::NotEqual => " IS DISTINCT FROM ",
            Operator::Less => " < ",
            Operator::LessOrEqual => " <= ",
            Operator::Greater => " > ",
            Operator::GreaterOrEqual => " >= ",
            Operator::In => return self.among(field.kind, field.column, &filter.values),
            Operator::Contains => return self.place_of(field.column, " > 0", &filter.values),
            Operator::StartsWith => return self.place_of(field.column, " = 1", &filter.values),
        };
        for value in &filter.values {
            self.push(" AND ");
            match fitting(field.kind, value) {
                Some(value) => self.push(field.column).push(comparison).bind(value),
                None => self.unlike_all(filter.operator, field.column, value),
            };
        }
    }

    /// A comparison with nothing, or with what no record can have in the column.
    fn unlike_all(&mut self, operator: Operator, column: &str, value: &ReportValue) -> &mut Self {
        let is_null = *value == ReportValue::Null;
        if operator == Operator::NotEqual {
            return if is_null {
                self.push(column).push(" IS NOT NULL")
            } else {
                self.push("TRUE")
            };
        }
        let is_asked_for_null = is_null && operator == Operator::Equal;
        if is_asked_for_null { self.push(column).push(" IS NULL") } else { self.push("FALSE") }
    }

    fn among(&mut self, kind: FieldKind, column: &str, values: &[ReportValue]) {
        let values: Vec<Bound> = values.iter().filter_map(|value| fitting(kind, value)).collect();
        if values.is_empty() {
            self.push(" AND FALSE");
            return;
        }
        self.push(" AND ").push(column).push(" IN (");
        for (index, value) in values.into_iter().enumerate() {
            self.push(if index == 0 { "" } else { ", " }).bind(value);
        }
        self.push(")");
    }

    fn place_of(&mut self, column: &str, comparison: &str, values: &[ReportValue]) {
        for value in values {
            let place = self.dialect.place;
            match fitting(FieldKind::Text, value) {
                Some(part) => {
                    self.push(" AND ").push(place).push("(").push(column).push(", ").bind(part);
                    self.push(")").push(comparison)
                }
                None => self.push(" AND FALSE"),
            };
        }
    }

    /// Rows that stand alike come in the order of their dimensions, so that the order is always the same.
    /// Nothing comes before everything.
    fn groups_in_order(&mut self, query: &ReportQuery) {
        let dimensions = 1..=query.dimensions.len();
        for (index, position) in dimensions.clone().enumerate() {
            self.push(if index == 0 { " GROUP BY " } else { ", " }).push(&position.to_string());
        }
        let asked = query.order.iter().map(|(position, descends)| (position + 1, *descends));
        let order = asked.chain(dimensions.map(|position| (position, false)));
        for (index, (position, descends)) in order.enumerate() {
            self.push(if index == 0 { " ORDER BY " } else { ", " }).push(&position.to_string());
            self.push(if descends { " DESC NULLS LAST" } else { " NULLS FIRST" });
        }
        self.push(" LIMIT ").number(i64::from(query.limit));
    }
}

/// The column that has the instant of a record.
const fn instant(source: Source) -> &'static str {
    match source {
        Source::LicenceUsage | Source::Denials => "at",
        Source::OrganisationLicenceUsage => "start",
    }
}

/// The value as a column of this kind could have it; `None` if it could not.
fn fitting(kind: FieldKind, value: &ReportValue) -> Option<Bound> {
    let is_text = match kind {
        FieldKind::Text | FieldKind::Word(_) => true,
        FieldKind::Integer | FieldKind::Time | FieldKind::Calendar(_) => false,
    };
    match value {
        ReportValue::Text(text) => is_text.then(|| Bound::Text(text.clone())),
        ReportValue::Integer(number) | ReportValue::Hundredths(number) => {
            (!is_text).then_some(Bound::Integer(*number))
        }
        ReportValue::Time(at) => (!is_text).then(|| Bound::Integer(millis(*at))),
        ReportValue::Null => None,
    }
}

/// A row as a database's library has it, read by the positions of its columns, from 0.
pub(super) trait Cells {
    fn integer(&self, column: usize) -> Result<Option<i64>, StoreError>;
    fn text(&self, column: usize) -> Result<Option<String>, StoreError>;

    /// A date, as [`Dialect::stretch`] gives it: `YYYY-MM-DD`.
    fn date(&self, column: usize) -> Result<Option<String>, StoreError>;
}

/// The rows as the report shows them.
pub(super) fn rows(
    query: &ReportQuery,
    rows: &[impl Cells],
) -> Result<Vec<Vec<ReportValue>>, StoreError> {
    rows.iter().map(|row| values(query, row)).collect()
}

fn values(query: &ReportQuery, row: &impl Cells) -> Result<Vec<ReportValue>, StoreError> {
    let fields = query.dimensions.iter().map(|position| query.source.fields()[*position].kind);
    let dimensions = fields.enumerate().map(|(column, kind)| dimension(row, column, kind));
    let metrics = query.metrics.iter().map(|position| &query.source.metrics()[*position]);
    let metrics = metrics.enumerate().map(|(index, metric)| {
        Ok(match row.integer(query.dimensions.len() + index)? {
            None => ReportValue::Null,
            Some(number) if metric.is_hundredths => ReportValue::Hundredths(number),
            Some(number) => ReportValue::Integer(number),
        })
    });
    dimensions.chain(metrics).collect()
}

fn dimension(row: &impl Cells, column: usize, kind: FieldKind) -> Result<ReportValue, StoreError> {
    let number = || row.integer(column)?.ok_or_else(|| corrupt("no integer in column", column));
    match kind {
        FieldKind::Time | FieldKind::Calendar(Calendar::FiveMinutes | Calendar::Hour) => {
            let at = number()?;
            let time = DateTime::from_timestamp_millis(at).map(ReportValue::Time);
            time.ok_or_else(|| corrupt("an instant", at))
        }
        FieldKind::Integer => number().map(ReportValue::Integer),
        FieldKind::Calendar(Calendar::Day | Calendar::Week) => {
            Ok(row.date(column)?.map_or(ReportValue::Null, ReportValue::Text))
        }
        FieldKind::Text | FieldKind::Word(_) | FieldKind::Calendar(Calendar::Month) => {
            Ok(row.text(column)?.map_or(ReportValue::Null, ReportValue::Text))
        }
    }
}
