//! What lists by licence type and time have in common: whose they are, their filters, their lengths.

use super::body::Invalid;
use super::query::Parameters;
use crate::broker::Broker;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::organisation::Settings;
use crate::domain::period::Period;
use crate::problem::Problem;
use crate::store::reports::IntervalFilter;

/// The parameter `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    FiveMinutes,
    Hour,
    Day,
}

impl Length {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5m",
            Self::Hour => "1h",
            Self::Day => "1d",
        }
    }

    /// `None` for five minutes, which no zone moves.
    pub(super) const fn period(self) -> Option<Period> {
        match self {
            Self::FiveMinutes => None,
            Self::Hour => Some(Period::Hour),
            Self::Day => Some(Period::Day),
        }
    }
}

pub(super) fn length(
    parameters: &Parameters,
    lengths: &[Length],
) -> Result<Option<Length>, Invalid> {
    parameters.word("interval", lengths, Length::as_str)
}

pub(super) fn filter(
    parameters: &Parameters,
    catalogue: &Catalogue,
) -> Result<IntervalFilter, Invalid> {
    let licence = parameters.licence(catalogue)?;
    let licence = licence.map(|licence| catalogue.key(licence).to_string());
    Ok(IntervalFilter { range: parameters.range()?, licence })
}

/// The organisation whose zone says where hours and days begin.
pub(super) async fn settings(
    broker: &Broker,
    organisation: OrganisationId,
) -> Result<Settings, Problem> {
    let settings = broker.store.settings(organisation).await?;
    settings.ok_or_else(|| Problem::not_found("there is no such organisation"))
}
