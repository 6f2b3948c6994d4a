//! Holds the bounds against their ranges and against each other.

use super::layers::Layered;
use super::{Bounds, ConfigError};
use std::ops::RangeInclusive;

const COUNT_RANGE: RangeInclusive<usize> = 1..=10_000_000;
const RATE_RANGE: RangeInclusive<u32> = 1..=10_000_000;

/// Below a second logins would be refused for one slow commit; after a minute nobody waits any more.
const LOGIN_WAIT_RANGE_S: RangeInclusive<u32> = 1..=60;

/// Connections beside sockets, where only the sockets are set: people's pages, reports, health checks.
const CONNECTIONS_BESIDE: usize = 10_000;

impl Layered {
    /// Where one bound lies within another, its default follows that down.
    pub(super) fn bounds(&self) -> Result<Bounds, ConfigError> {
        let (given, default) = (&self.settings, Bounds::DEFAULT);
        let sessions_max = self.count("sessions_max", given.sessions_max, default.sessions_max)?;
        let subscribers_max =
            self.count("subscribers_max", given.subscribers_max, default.subscribers_max)?;
        let connections_default = default.connections_max.max(sessions_max + CONNECTIONS_BESIDE);
        let bounds = Bounds {
            sessions_max,
            subscribers_max,
            logins_under_way_max: self.count(
                "logins_under_way_max",
                given.logins_under_way_max,
                default.logins_under_way_max.min(sessions_max),
            )?,
            connections_max: self.count(
                "connections_max",
                given.connections_max,
                connections_default.min(*COUNT_RANGE.end()),
            )?,
            subscribers_per_organisation_max: self.count(
                "subscribers_per_organisation_max",
                given.subscribers_per_organisation_max,
                default.subscribers_per_organisation_max.min(subscribers_max),
            )?,
            ..self.independent_bounds()?
        };
        self.hold_against_each_other(&bounds)?;
        Ok(bounds)
    }

    /// Those that no other bound concerns; the rest are defaults.
    fn independent_bounds(&self) -> Result<Bounds, ConfigError> {
        let (given, default) = (&self.settings, Bounds::DEFAULT);
        macro_rules! judged {
            ($judge:ident $($name:ident)+) => {
                ($(self.$judge(stringify!($name), given.$name, default.$name)?,)+)
            };
        }
        let (waiting_per_licence_max, frames_per_second) =
            judged!(rate waiting_per_licence_max frames_per_second);
        let (connections_per_address_per_second,) =
            judged!(rate connections_per_address_per_second);
        let (logins_per_user_per_minute, sign_ins_per_address_per_minute) =
            judged!(rate logins_per_user_per_minute sign_ins_per_address_per_minute);
        let (sessions_per_organisation_max, connections_per_user_max) =
            judged!(count sessions_per_organisation_max connections_per_user_max);
        let (requests_under_way_max, exports_under_way_max) =
            judged!(count requests_under_way_max exports_under_way_max);
        let login_wait = given.login_wait_max_s.unwrap_or(default.login_wait_max_s);
        Ok(Bounds {
            login_wait_max_s: self.within("login_wait_max_s", login_wait, &LOGIN_WAIT_RANGE_S)?,
            waiting_per_licence_max,
            frames_per_second,
            connections_per_address_per_second,
            logins_per_user_per_minute,
            sign_ins_per_address_per_minute,
            sessions_per_organisation_max,
            connections_per_user_max,
            requests_under_way_max,
            exports_under_way_max,
            ..default
        })
    }

    fn hold_against_each_other(&self, bounds: &Bounds) -> Result<(), ConfigError> {
        let Bounds { sessions_max, connections_max, subscribers_max, .. } = *bounds;
        let logins_max = bounds.logins_under_way_max;
        if logins_max > sessions_max {
            let reason = format!("{logins_max} is more than sessions_max, {sessions_max}");
            return Err(self.wrong("logins_under_way_max", reason));
        }
        if connections_max <= sessions_max {
            let reason = format!(
                "{connections_max} is not more than sessions_max, {sessions_max}: nobody could be told \
                 that it is reached"
            );
            return Err(self.wrong("connections_max", reason));
        }
        let of_one = bounds.subscribers_per_organisation_max;
        if of_one > subscribers_max {
            let reason = format!("{of_one} is more than subscribers_max, {subscribers_max}");
            return Err(self.wrong("subscribers_per_organisation_max", reason));
        }
        Ok(())
    }

    fn count(
        &self,
        setting: &'static str,
        given: Option<usize>,
        default: usize,
    ) -> Result<usize, ConfigError> {
        self.within(setting, given.unwrap_or(default), &COUNT_RANGE)
    }

    fn rate(
        &self,
        setting: &'static str,
        given: Option<u32>,
        default: u32,
    ) -> Result<u32, ConfigError> {
        self.within(setting, given.unwrap_or(default), &RATE_RANGE)
    }
}
