//! The options of `loadtest day`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::schedule::OUTAGE_SHARE_MAX;
use crate::cli::{OutputArgs, TargetArgs, TenancyArgs, WaitArgs, seconds};
use crate::limits::{DAY_MINUTES_MAX, GIVE_UP_AFTER, LEAVE_WAIT, SET_UP_WAIT};

const SECONDS_PER_MINUTE: f64 = 60.0;

#[derive(Args)]
pub(crate) struct Day {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    tenancy: TenancyArgs,
    /// Minutes that the day lasts
    #[arg(long, default_value_t = 5.0, value_name = "MINUTES")]
    pub(crate) minutes: f64,
    /// Agents over all organisations and shifts; there is a licence for each unless --seats says otherwise
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    pub(crate) agents: usize,
    /// Seed of the schedule: the same seed gives the same day
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds of grace that three of four agents ask for; the fourth logs in anew after the outage
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub(crate) grace_s: u64,
    /// Start this program as the broker, at the address of --url and in a new folder; the outage kills it,
    /// and starts it again on the same data; absent: every agent drops its connection for the outage
    #[arg(long, value_name = "PATH")]
    pub(crate) broker: Option<PathBuf>,
    /// Seconds that the outage lasts
    #[arg(long, default_value = "10", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) outage_s: Duration,
    #[command(flatten)]
    pub(crate) waits: WaitArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl Day {
    /// What is bought: a licence for each agent where nothing else is said.
    pub(crate) fn tenancy(&self) -> TenancyArgs {
        self.tenancy.with_room_for(self.agents)
    }

    pub(crate) fn length(&self) -> Duration {
        Duration::from_secs_f64(self.minutes * SECONDS_PER_MINUTE)
    }

    /// For set-up, the day, whoever is late at its end, and the look at what is held then.
    pub(crate) fn timeout(&self) -> Duration {
        let late = GIVE_UP_AFTER + LEAVE_WAIT;
        let look = Duration::from_secs(self.waits.release_timeout_s);
        (SET_UP_WAIT + self.length() + late).saturating_add(look)
    }

    /// What the report says of them, by their names.
    pub(crate) fn settings(&self) -> Value {
        json!({
            "url": self.target.url, "agents": self.agents,
            "organisations": self.tenancy.organisations, "minutes": self.minutes,
            "seed": self.seed, "grace-s": self.grace_s, "outage-s": self.outage_s.as_secs_f64(),
            "broker": self.broker,
        })
    }

    /// Judges the options against each other.
    ///
    /// # Errors
    ///
    /// The first option that does not fit, named.
    pub(crate) fn check(&self) -> Result<()> {
        self.tenancy.check(self.agents)?;
        self.waits.check()?;
        ensure!(
            self.minutes > 0.0 && self.minutes <= DAY_MINUTES_MAX,
            "--minutes: above 0, at most {DAY_MINUTES_MAX}"
        );
        ensure!(
            self.outage_s <= self.length().mul_f64(OUTAGE_SHARE_MAX),
            "--outage-s: at most {:.0} per cent of the day",
            OUTAGE_SHARE_MAX * 100.0
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Profile};

    fn parse(line: &str) -> Day {
        let words = ["loadtest", "day"].into_iter().chain(line.split_whitespace());
        let parsed = Cli::try_parse_from(words).expect("it parses").profile;
        let Profile::Day(options) = parsed else { panic!("another profile") };
        options
    }

    #[test]
    fn set_up_and_the_look_at_what_is_held_have_their_time_beside_the_day() {
        let options = parse("--minutes 2 --release-timeout-s 400");
        options.check().expect("they fit");
        let least = SET_UP_WAIT + Duration::from_secs(2 * 60 + 400);
        assert!(options.timeout() > least, "{:?}", options.timeout());
        let endless = parse(&format!("--release-timeout-s {}", u64::MAX));
        assert!(endless.timeout() > Duration::from_secs(u64::MAX - 1));
    }
}
