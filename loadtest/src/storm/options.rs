//! The options of `loadtest storm-beside`.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::{OutputArgs, TargetArgs, TenancyArgs, seconds};
use crate::limits::{
    GIVE_UP_AFTER, LEAVE_WAIT, ORGANISATIONS_MAX, SESSIONS_MAX, SET_UP_WAIT, TURNS_MAX,
};

#[derive(Args)]
pub(crate) struct StormBeside {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Organisations that the run creates: the last has the storm, the others are calm
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) organisations: usize,
    /// Number of the first of them; the others follow it
    #[arg(long, default_value_t = 9001, value_name = "NUMBER")]
    pub(crate) first_organisation: u64,
    /// Logins due per second in the calm ones together, open loop, all the time
    #[arg(long, default_value_t = 100.0, value_name = "PER_SECOND")]
    pub(crate) rate: f64,
    /// Seconds that an agent of a calm one stays
    #[arg(long, default_value = "1", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) stay: Duration,
    /// Agents of the storm: all log in at once
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    pub(crate) storm_agents: usize,
    /// How often it is calm first and there is a storm then
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) turns: usize,
    /// Seconds of calm before each storm
    #[arg(long, default_value = "5", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) calm: Duration,
    /// Seconds that the storm's agents stay, from the moment at which they were due
    #[arg(long, default_value = "6", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) storm_stay: Duration,
    /// The calm ones' p99 of time to licence beside a storm may be so many times that in calm
    #[arg(long, default_value_t = 1.5, value_name = "TIMES")]
    pub(crate) ratio_max: f64,
    /// Seed of the jitter of the arrivals: the same seed gives the same schedule
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds from the start of an attempt until it counts as timed out
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub(crate) answer_timeout_s: u64,
    /// Seconds to look, after everybody left, until the broker shows nothing held
    #[arg(long, default_value_t = 35, value_name = "SECONDS")]
    pub(crate) release_timeout_s: u64,
    /// Take turns with a bare echo server, as `baseline` starts it, on this machine: what the same storm costs
    /// the calm ones where nothing is decided
    #[arg(long)]
    pub(crate) bare: bool,
    /// Keep the organisations afterwards
    #[arg(long)]
    pub(crate) keep: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl StormBeside {
    pub(crate) fn calm_organisations(&self) -> usize {
        self.organisations.saturating_sub(1)
    }

    /// Agents of the calm ones: enough that none is to come again before they have left for long.
    pub(crate) fn calm_agents(&self) -> usize {
        let present = self.rate * self.stay.as_secs_f64().max(1.0);
        // A bounded, positive number of agents; the fraction is what is dropped.
        let needed = Duration::try_from_secs_f64(present * 4.0).map_or(u64::MAX, |n| n.as_secs());
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        needed.max(self.calm_organisations())
    }

    /// What is bought in organisations with so many agents.
    pub(crate) fn tenancy(&self, first: u64, organisations: usize, agents: usize) -> TenancyArgs {
        let all = TenancyArgs {
            organisations,
            first_organisation: first,
            seats: None,
            contingency: None,
            web_chat_seats: None,
            keep: self.keep,
        };
        all.with_room_for(agents)
    }

    pub(crate) fn answer_timeout(&self) -> Duration {
        Duration::from_secs(self.answer_timeout_s)
    }

    /// The most that a turn takes, with whoever is late in it.
    pub(crate) fn turn_takes(&self) -> Duration {
        let stay = self.storm_stay.saturating_add(self.stay);
        self.calm.saturating_add(stay).saturating_add(GIVE_UP_AFTER + LEAVE_WAIT)
    }

    /// For set-up, the turns, and the look at what is held then.
    pub(crate) fn timeout(&self) -> Duration {
        let turns = u32::try_from(self.turns).unwrap_or(u32::MAX);
        let turns = turns.saturating_mul(if self.bare { 2 } else { 1 });
        let look = Duration::from_secs(self.release_timeout_s);
        SET_UP_WAIT.saturating_add(self.turn_takes().saturating_mul(turns)).saturating_add(look)
    }

    /// What the report says of them, by their names.
    pub(crate) fn settings(&self) -> Value {
        json!({
            "url": self.target.url, "organisations": self.organisations, "rate": self.rate,
            "stay": self.stay.as_secs_f64(), "storm-agents": self.storm_agents,
            "storm-stay": self.storm_stay.as_secs_f64(), "turns": self.turns,
            "calm": self.calm.as_secs_f64(), "seed": self.seed, "bare": self.bare,
        })
    }

    /// Judges the options against each other.
    ///
    /// # Errors
    ///
    /// The first option that does not fit, named.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(
            (2..=ORGANISATIONS_MAX).contains(&self.organisations),
            "--organisations: from 2 to {ORGANISATIONS_MAX}"
        );
        ensure!(self.rate.is_finite() && self.rate > 0.0, "--rate: a number above 0");
        let sessions = self.calm_agents().saturating_add(self.storm_agents);
        ensure!(
            self.storm_agents > 0 && sessions <= SESSIONS_MAX,
            "--storm-agents: from 1, and with those of --rate and --stay at most {SESSIONS_MAX}"
        );
        ensure!((1..=TURNS_MAX).contains(&self.turns), "--turns: from 1 to {TURNS_MAX}");
        ensure!(!self.calm.is_zero(), "--calm: above 0");
        ensure!(self.answer_timeout_s > 0, "--answer-timeout-s: at least 1");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Profile};

    fn parse(line: &str) -> StormBeside {
        let words = ["loadtest", "storm-beside"].into_iter().chain(line.split_whitespace());
        let parsed = Cli::try_parse_from(words).expect("it parses").profile;
        let Profile::StormBeside(options) = parsed else { panic!("another profile") };
        options
    }

    #[test]
    fn set_up_and_the_look_at_what_is_held_have_their_time_beside_the_turns() {
        let options = parse("--turns 2 --calm 30 --release-timeout-s 400");
        options.check().expect("they fit");
        let least = SET_UP_WAIT + Duration::from_secs(2 * 30 + 400);
        assert!(options.timeout() > least, "{:?}", options.timeout());
        let turns =
            parse("--turns 2 --calm 30 --bare").timeout() - parse("--turns 1 --calm 30").timeout();
        assert_eq!(turns, options.turn_takes() * 3, "the bare server has turns too");
    }
}
