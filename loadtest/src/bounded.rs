//! No run lasts for ever.

use std::fmt::Display;
use std::time::Duration;

use anyhow::Result;
use tokio::select;
use tokio::time::timeout;

use crate::run::stop_signal;

/// How the acts of a run ended.
pub(crate) enum Ended {
    Played(Result<()>),
    OutOfTime,
    Interrupted,
}

impl Ended {
    /// Why the acts did not come to their end, in words; `bound` is what they had.
    ///
    /// # Errors
    ///
    /// What they failed with before there was anything to report.
    pub(crate) fn cut_short(
        self,
        bound: impl Display,
        is_to_report: bool,
    ) -> Result<Option<String>> {
        match self {
            Self::Played(Ok(())) => Ok(None),
            Self::Played(Err(error)) if is_to_report => Ok(Some(format!("{error:#}"))),
            Self::Played(Err(error)) => Err(error),
            Self::OutOfTime => Ok(Some(format!("cut short after {bound}"))),
            Self::Interrupted => Ok(Some("interrupted".to_owned())),
        }
    }
}

/// Plays the acts until they are over, time is, or a signal asks to stop. Where they are cut short
/// all agents are dropped with them.
pub(crate) async fn bounded(time: Duration, acts: impl Future<Output = Result<()>>) -> Ended {
    let stop = stop_signal();
    select! {
        played = timeout(time, acts) => played.map_or(Ended::OutOfTime, Ended::Played),
        () = stop => Ended::Interrupted,
    }
}
