//! What custom reports can be made of: every field and every metric of each source.
//!
//! SQL of reports has no text but what stands here; what callers say is bound as values. The columns are
//! those that every store has.

use crate::domain::reason::{
    DenialOutcome, DenialReason, Device, GrantPool, LogonSource, ReleaseReason, UsageType,
};

/// What a report counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The per-user log.
    LicenceUsage,
    /// The five-minute figures.
    OrganisationLicenceUsage,
    /// What was denied.
    Denials,
}

/// How a filter compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`; what is empty differs from every value.
    NotEqual,
    /// `in`: equal to any of a list.
    In,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `contains`; letters must be the same, large or small.
    Contains,
    /// `starts_with`; as `contains`.
    StartsWith,
}

/// What a field has in it.
#[derive(Clone, Copy, Debug)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// An instant.
    Time,
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
    /// Part of a calendar: the beginning of the stretch in which the record falls.
    Calendar(Calendar),
}

/// The stretches of the organisation's calendar by which reports can be broken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calendar {
    /// On the wall clock.
    FiveMinutes,
    /// As clocks show it.
    Hour,
    /// From midnight.
    Day,
    /// From Monday.
    Week,
    /// From the first.
    Month,
}

/// One field of a source.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in requests and answers.
    pub name: &'static str,
    /// What is in it.
    pub kind: FieldKind,
    /// How it can be filtered; empty where it cannot.
    pub operators: &'static [Operator],
    /// Whether metrics can be broken down by it.
    pub is_dimension: bool,
    /// What stands for it in SQL.
    pub(super) column: &'static str,
}

/// One metric of a source.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name in requests and answers.
    pub name: &'static str,
    /// Whether it is a number of hundredths, not of ones.
    pub is_hundredths: bool,
    /// What stands for it in SQL.
    pub(super) expression: &'static str,
}

impl Operator {
    /// Every operator.
    pub const ALL: &'static [Self] = &[
        Self::Equal,
        Self::NotEqual,
        Self::In,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Contains,
        Self::StartsWith,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "eq",
            Self::NotEqual => "ne",
            Self::In => "in",
            Self::Less => "lt",
            Self::LessOrEqual => "le",
            Self::Greater => "gt",
            Self::GreaterOrEqual => "ge",
            Self::Contains => "contains",
            Self::StartsWith => "starts_with",
        }
    }
}

impl Calendar {
    /// Every stretch.
    pub const ALL: &'static [Self] =
        &[Self::FiveMinutes, Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The name of the dimension.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FiveMinutes => "five_minutes",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl Source {
    /// Every source.
    pub const ALL: &'static [Self] =
        &[Self::LicenceUsage, Self::OrganisationLicenceUsage, Self::Denials];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LicenceUsage => "licence_usage",
            Self::OrganisationLicenceUsage => "organisation_licence_usage",
            Self::Denials => "denials",
        }
    }

    /// Its fields, the calendar's last.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::LicenceUsage => USAGE_FIELDS,
            Self::OrganisationLicenceUsage => INTERVAL_FIELDS,
            Self::Denials => DENIAL_FIELDS,
        }
    }

    /// Its metrics.
    pub const fn metrics(self) -> &'static [Metric] {
        match self {
            Self::LicenceUsage => USAGE_METRICS,
            Self::OrganisationLicenceUsage => INTERVAL_METRICS,
            Self::Denials => DENIAL_METRICS,
        }
    }
}

const TEXT_OPERATORS: &[Operator] =
    &[Operator::Equal, Operator::NotEqual, Operator::In, Operator::Contains, Operator::StartsWith];
const WORD_OPERATORS: &[Operator] = &[Operator::Equal, Operator::NotEqual, Operator::In];
const NUMBER_OPERATORS: &[Operator] = &[
    Operator::Equal,
    Operator::NotEqual,
    Operator::In,
    Operator::Less,
    Operator::LessOrEqual,
    Operator::Greater,
    Operator::GreaterOrEqual,
];

const fn text(name: &'static str) -> Field {
    let kind = FieldKind::Text;
    Field { name, kind, operators: TEXT_OPERATORS, is_dimension: true, column: name }
}

/// A word of SQL by itself, so its column is quoted.
const USER: Field = Field { column: "\"user\"", ..text("user") };

const fn word(name: &'static str, words: fn() -> Vec<&'static str>) -> Field {
    let kind = FieldKind::Word(words);
    Field { name, kind, operators: WORD_OPERATORS, is_dimension: true, column: name }
}

const fn integer(name: &'static str) -> Field {
    let kind = FieldKind::Integer;
    Field { name, kind, operators: NUMBER_OPERATORS, is_dimension: false, column: name }
}

const fn time(name: &'static str, column: &'static str) -> Field {
    let kind = FieldKind::Time;
    Field { name, kind, operators: NUMBER_OPERATORS, is_dimension: false, column }
}

/// A calendar's field over the source's instant.
const fn calendar(calendar: Calendar, column: &'static str) -> Field {
    let (name, kind) = (calendar.as_str(), FieldKind::Calendar(calendar));
    Field { name, kind, operators: &[], is_dimension: true, column }
}

const fn count(name: &'static str, expression: &'static str) -> Metric {
    Metric { name, is_hundredths: false, expression }
}

const fn average(name: &'static str, expression: &'static str) -> Metric {
    Metric { name, is_hundredths: true, expression }
}

fn devices() -> Vec<&'static str> {
    Device::ALL.iter().map(|word| word.as_str()).collect()
}

fn usage_types() -> Vec<&'static str> {
    UsageType::ALL.iter().map(|word| word.as_str()).collect()
}

fn logon_sources() -> Vec<&'static str> {
    LogonSource::ALL.iter().map(|word| word.as_str()).collect()
}

fn pools() -> Vec<&'static str> {
    GrantPool::ALL.iter().map(|word| word.as_str()).collect()
}

fn release_reasons() -> Vec<&'static str> {
    ReleaseReason::ALL.iter().map(|word| word.as_str()).collect()
}

fn denial_reasons() -> Vec<&'static str> {
    DenialReason::ALL.iter().map(|word| word.as_str()).collect()
}

fn outcomes() -> Vec<&'static str> {
    DenialOutcome::ALL.iter().map(|word| word.as_str()).collect()
}

const USAGE_FIELDS: &[Field] = &[
    word("usage_type", usage_types),
    time("logged_at", "at"),
    text("licence"),
    USER,
    word("logon_source", logon_sources),
    word("device", devices),
    text("session"),
    word("pool", pools),
    word("reason", release_reasons),
    calendar(Calendar::FiveMinutes, "at"),
    calendar(Calendar::Hour, "at"),
    calendar(Calendar::Day, "at"),
    calendar(Calendar::Week, "at"),
    calendar(Calendar::Month, "at"),
];

const USAGE_METRICS: &[Metric] = &[
    count("acquired", "count(*) FILTER (WHERE usage_type = 'Acquired')"),
    count("released", "count(*) FILTER (WHERE usage_type = 'Released')"),
    count("users", "count(DISTINCT \"user\")"),
    count("sessions", "count(DISTINCT session)"),
];

const INTERVAL_FIELDS: &[Field] = &[
    text("licence"),
    time("start", "start"),
    time("end", "(start + 300000)"),
    integer("concurrent"),
    integer("contingency"),
    integer("concurrent_peak"),
    integer("concurrent_low"),
    integer("contingency_peak"),
    integer("contingency_low"),
    calendar(Calendar::FiveMinutes, "start"),
    calendar(Calendar::Hour, "start"),
    calendar(Calendar::Day, "start"),
    calendar(Calendar::Week, "start"),
    calendar(Calendar::Month, "start"),
];

const INTERVAL_METRICS: &[Metric] = &[
    average(
        "concurrent_avg",
        "((CAST(sum(concurrent) AS bigint) * 200 + count(*)) / (2 * count(*)))",
    ),
    count("concurrent_highest", "max(concurrent_peak)"),
    count("concurrent_lowest", "min(concurrent_low)"),
    average(
        "contingency_avg",
        "((CAST(sum(contingency) AS bigint) * 200 + count(*)) / (2 * count(*)))",
    ),
    count("contingency_highest", "max(contingency_peak)"),
    count("contingency_lowest", "min(contingency_low)"),
    count("records", "count(*)"),
];

const DENIAL_FIELDS: &[Field] = &[
    time("at", "at"),
    text("licence"),
    USER,
    word("device", devices),
    word("reason", denial_reasons),
    word("outcome", outcomes),
    calendar(Calendar::FiveMinutes, "at"),
    calendar(Calendar::Hour, "at"),
    calendar(Calendar::Day, "at"),
    calendar(Calendar::Week, "at"),
    calendar(Calendar::Month, "at"),
];

const DENIAL_METRICS: &[Metric] = &[
    count("denials", "count(*)"),
    count("users", "count(DISTINCT \"user\")"),
    count("refused", "count(*) FILTER (WHERE outcome = 'refused')"),
    count("partial", "count(*) FILTER (WHERE outcome = 'partial')"),
    count("waiting", "count(*) FILTER (WHERE outcome = 'waiting')"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_of_fields_and_metrics_of_a_source_are_different() {
        for source in Source::ALL {
            let fields = source.fields().iter().map(|field| field.name);
            let names: Vec<_> =
                fields.chain(source.metrics().iter().map(|metric| metric.name)).collect();
            let different: BTreeSet<_> = names.iter().collect();
            assert_eq!(different.len(), names.len(), "{}", source.as_str());
        }
    }

    #[test]
    fn every_stretch_of_the_calendar_is_a_dimension_of_every_source() {
        for source in Source::ALL {
            for calendar in Calendar::ALL {
                let found = source.fields().iter().find(|field| field.name == calendar.as_str());
                assert!(found.is_some_and(|field| field.is_dimension), "{}", source.as_str());
            }
        }
    }
}
