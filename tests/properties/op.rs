//! What happens to an organisation: commands with everything in them, so that any part of a run can be
//! played again by itself.

use chrono::{NaiveTime, TimeDelta};
use licence_broker::domain::admission::{Acquire, Login};
use licence_broker::domain::ids::{LinkId, SessionId};
use licence_broker::domain::provisioning::ProvisionUsers;
use licence_broker::domain::purchases::SetTotals;
use licence_broker::domain::reason::Departure;
use licence_broker::domain::release::{Leave, Release};
use licence_broker::domain::resume::Resume;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Time passes; the wall clock may step back while it does.
    Pass {
        wall: TimeDelta,
        elapsed: Duration,
    },
    Login(Login),
    Acquire(Acquire),
    Release(Release),
    Leave(Leave),
    Resume {
        resume: Resume,
        is_right: bool,
    },
    Tick,
    Force(SessionId),
    Totals(SetTotals),
    Users(ProvisionUsers),
    LogOff(Option<NaiveTime>),
    MaxGrace(u32),
    Restart(Restart),
}

/// The state is rebuilt from the events, after `life` of `down` has passed with sign of life.
#[derive(Clone, Debug)]
pub(crate) struct Restart {
    pub(crate) down: TimeDelta,
    pub(crate) life: TimeDelta,
    pub(crate) connected: Vec<(SessionId, LinkId)>,
    pub(crate) departed: Vec<(SessionId, Departure)>,
    /// Monotonic time begins anew.
    pub(crate) is_new_process: bool,
}
