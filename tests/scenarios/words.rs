//! Answers, notices and records in the words of the tables.

use licence_broker::domain::admission::{AcquireAnswer, LoginAnswer, Welcome};
use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::event::{Denied, DeniedName, Notice};
use licence_broker::domain::ids::LicenceId;
use licence_broker::domain::reason::{EndReason, GrantPool};
use licence_broker::domain::release::{LeaveAnswer, ReleaseAnswer};
use licence_broker::domain::resume::ResumeAnswer;

/// An answer, as groups of things that are said alike: `denied` a, b.
#[derive(Debug, Default)]
pub(crate) struct Words(Vec<(&'static str, String)>);

impl Words {
    pub(crate) fn one(word: &'static str) -> Self {
        Self(vec![(word, String::new())])
    }

    fn add(mut self, prefix: &'static str, things: impl IntoIterator<Item = String>) -> Self {
        self.0.extend(things.into_iter().map(|thing| (prefix, thing)));
        self
    }

    /// Each thing by itself, as bulk steps count them.
    pub(crate) fn things(&self) -> Vec<String> {
        self.0.iter().map(|(prefix, thing)| format!("{prefix} {thing}").trim().to_owned()).collect()
    }

    /// `inbound_agent concurrent, agent_email concurrent; denied agent_sms exhausted`
    pub(crate) fn sentence(&self) -> String {
        let mut text = String::new();
        let mut last = None;
        for (prefix, thing) in &self.0 {
            if last == Some(prefix) {
                text += ", ";
            } else {
                text += if text.is_empty() { "" } else { "; " };
                text += prefix;
                text += if prefix.is_empty() || thing.is_empty() { "" } else { " " };
            }
            text += thing;
            last = Some(prefix);
        }
        if text.is_empty() { "nothing".to_owned() } else { text }
    }
}

/// Says what the rules answer, with the names of the catalogue.
#[derive(Clone, Copy)]
pub(crate) struct Speaker<'a>(pub(crate) &'a Catalogue);

impl Speaker<'_> {
    pub(crate) fn key(self, licence: LicenceId) -> String {
        self.0.key(licence).to_string()
    }

    fn keys(self, licences: &[LicenceId]) -> Vec<String> {
        licences.iter().map(|licence| self.key(*licence)).collect()
    }

    pub(crate) fn denied_name(self, name: &DeniedName) -> String {
        match name {
            DeniedName::Licence(licence) => self.key(*licence),
            DeniedName::Unknown(name) => name.to_string(),
        }
    }

    fn grants(self, granted: &[(LicenceId, GrantPool)]) -> Vec<String> {
        granted.iter().map(|(licence, pool)| format!("{} {pool}", self.key(*licence))).collect()
    }

    fn denials(self, denied: &[Denied]) -> Vec<String> {
        let say = |one: &Denied| format!("{} {}", self.denied_name(&one.licence), one.reason);
        denied.iter().map(say).collect()
    }

    fn welcome(self, welcome: &Welcome) -> Words {
        let grace = (welcome.grace_s > 0).then(|| welcome.grace_s.to_string());
        Words::default()
            .add("", self.grants(&welcome.granted))
            .add("denied", self.denials(&welcome.denied))
            .add("waits", self.keys(&welcome.waiting))
            .add("grace", grace)
    }

    pub(crate) fn login(self, answer: &LoginAnswer) -> Words {
        match answer {
            LoginAnswer::LoggedIn(welcome) => self.welcome(welcome),
            LoginAnswer::Refused { reason, denied } => Words::default()
                .add("refused", [reason.to_string()])
                .add("denied", self.denials(denied)),
        }
    }

    pub(crate) fn acquire(self, answer: &AcquireAnswer) -> Words {
        match answer {
            AcquireAnswer::Acquired { granted, denied, waiting } => Words::default()
                .add("", self.grants(granted))
                .add("denied", self.denials(denied))
                .add("waits", self.keys(waiting)),
            AcquireAnswer::TooManyWaiting => Words::one("too_many_waiting"),
            AcquireAnswer::Gone => Words::one("gone"),
        }
    }

    pub(crate) fn release(self, answer: &ReleaseAnswer) -> Words {
        match answer {
            ReleaseAnswer::Released(licences) => {
                Words::default().add("released", self.keys(licences))
            }
            ReleaseAnswer::SeatNotReleasable => Words::one("seat_not_releasable"),
            ReleaseAnswer::NotHeld(name) => Words::default().add("not_held", [name.to_string()]),
            ReleaseAnswer::Gone => Words::one("gone"),
        }
    }

    pub(crate) fn leave(self, answer: &LeaveAnswer) -> Words {
        match answer {
            LeaveAnswer::Left { released } => Words::default().add("released", self.keys(released)),
            LeaveAnswer::Lingers => Words::one("lingers"),
            LeaveAnswer::Gone => Words::one("gone"),
        }
    }

    pub(crate) fn resume(self, answer: &ResumeAnswer) -> Words {
        match answer {
            ResumeAnswer::Resumed(welcome) => self.welcome(welcome),
            ResumeAnswer::Failed(_) => Words::one("failed"),
        }
    }

    pub(crate) fn notice(self, notice: &Notice) -> String {
        match notice {
            Notice::Granted(granted) => format!("granted {}", self.grants(granted).join(", ")),
            Notice::Released { licences, reason } => {
                format!("released {} {reason}", self.keys(licences).join(", "))
            }
            Notice::Ended(reason) => format!("ended {}", end_word(*reason)),
        }
    }
}

fn end_word(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Superseded => "superseded",
        EndReason::Forced => "forced",
        EndReason::Scheduled => "scheduled",
        EndReason::OrganisationRemoved => "organisation_removed",
        EndReason::UserNotActive => "user_not_active",
        EndReason::UserUnknown => "user_unknown",
        EndReason::UserChanged => "user_changed",
        EndReason::TokenExpired => "token_expired",
        EndReason::HeartbeatTimeout => "heartbeat_timeout",
        EndReason::SlowConsumer => "slow_consumer",
        EndReason::StorageUnavailable => "storage_unavailable",
        EndReason::GoingAway => "going_away",
        EndReason::Moved => "moved",
    }
}
