//! The command line, and what can be judged about it before anything is touched.

mod exports;
mod logins;
mod output;
mod reconnect_storm;
mod waits;
mod wallboards;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::arrival::Arrival;
use crate::baseline::options::{Baseline, EchoServer};
use crate::churn::options::Churn;
use crate::compare::Compare;
use crate::day::options::Day;
use crate::limits::{ORGANISATIONS_MAX, SESSIONS_MAX};
use crate::population::Device;
use crate::process::listening_on;
use crate::storm::options::StormBeside;
pub(crate) use exports::Exports;
pub(crate) use logins::LoginsArgs;
pub(crate) use output::OutputArgs;
pub(crate) use reconnect_storm::{End, ReconnectStorm};
pub(crate) use waits::WaitArgs;
pub(crate) use wallboards::Wallboards;

const OPERATOR_TOKEN_VARIABLE: &str = "LICENCE_BROKER_OPERATOR_TOKEN";

/// Load tests for Licence Broker.
#[derive(Parser)]
#[command(name = "loadtest", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) profile: Profile,
}

#[derive(Subcommand)]
pub(crate) enum Profile {
    /// Everybody logs in, at once or at a rate, holds, and leaves; exit 1 if more users than were
    /// bought ever held a licence, or if anything is still held afterwards
    MassLogin(MassLogin),
    /// Agents come and go in every way for minutes on end; exit 1 if the broker's memory, descriptors or
    /// actors grow by it, if more users than were bought ever held a licence, if anything is still held
    /// afterwards, or if the log does not balance
    Churn(Churn),
    /// Wallboards follow the counts while everybody logs in; exit 1 if what they show is too old, if one
    /// misses a change without a snapshot, or if more users than were bought ever held a licence
    Wallboards(Wallboards),
    /// Everybody logs in, in turns beside clients that export a large log and without; exit 1 if logins
    /// take too much longer beside them, or if more users than were bought ever held a licence
    Exports(Exports),
    /// A bare WebSocket echo server, and a broker beside it in turn: what a login costs over a connect
    /// and an echo; exit 1 if a connection was not served
    Baseline(Baseline),
    /// What changed between two runs, from the JSON of both; exit 1 if something is worse by more than
    /// --fail-above allows
    Compare(Compare),
    /// The bare server itself, as `baseline` starts it: until standard input ends
    #[command(hide = true)]
    EchoServer(EchoServer),
    /// The storm of `storm-beside`, as the run starts it: until standard input ends
    #[command(hide = true)]
    StormCrowd,
    /// Everybody logs in with grace, the broker ends and starts again or all connections are dropped, and
    /// all come back at once; exit 1 if anybody is lost, has other licences than before, is charged again,
    /// or had no answer in time, if more users than were bought ever held a licence, or if anything is
    /// still held afterwards
    ReconnectStorm(ReconnectStorm),
    /// A working day in minutes: a morning with its peak, lunch, a shift change, an outage, an evening;
    /// exit 1 if anybody waits in vain or is thrown out, if more users than were bought ever held a
    /// licence, if anything is still held afterwards, or if log or bill do not balance
    Day(Day),
    /// One organisation in a storm of logins beside many calm ones; exit 1 if the calm ones' time to licence
    /// grows by it beyond what passes, or for what `day` fails for
    StormBeside(StormBeside),
}

#[derive(Args)]
pub(crate) struct MassLogin {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) tenancy: TenancyArgs,
    /// Agents over all organisations
    #[arg(long, default_value_t = 500, value_name = "N")]
    pub(crate) agents: usize,
    /// Devices on which each agent logs in
    #[arg(long, value_enum, value_delimiter = ',', default_value = "agent_desktop")]
    pub(crate) devices: Vec<Device>,
    /// Logins due per second, open loop; absent: all at once
    #[arg(long, value_name = "PER_SECOND")]
    pub(crate) rate: Option<f64>,
    /// Seed of the jitter of the arrivals: the same seed gives the same schedule
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds to stay once every login is decided
    #[arg(long, default_value = "5", value_parser = seconds, value_name = "SECONDS")]
    pub(crate) hold: Duration,
    /// How the agents leave: by a logout, or by dropping the connection without a close frame
    #[arg(long, value_enum, default_value = "logout")]
    pub(crate) leave: Leave,
    /// Seconds from the start of a login's connection until it counts as timed out
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) login_timeout_s: u64,
    /// Seconds for set-up, logins, hold and leaving together; then the run ends by itself
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    pub(crate) timeout_s: u64,
    /// Seconds to look, after everybody left, until the broker shows nothing held; the default is
    /// twice its default heartbeat, and a little
    #[arg(long, default_value_t = 35, value_name = "SECONDS")]
    pub(crate) release_timeout_s: u64,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Args)]
pub(crate) struct TargetArgs {
    /// The broker, or its nodes with commas between them; http only, put a terminating proxy in front to
    /// load-test https
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// Ask before each connection which node has the organisation; done in any case where --url names
    /// several. Whoever comes to the wrong node is sent on (4002), and goes
    #[arg(long)]
    pub(crate) ask_endpoint: bool,
    /// The operator's token; other users of this machine can see it here, so prefer the file or
    /// the environment variable LICENCE_BROKER_OPERATOR_TOKEN
    #[arg(long, conflicts_with = "operator_token_file", value_name = "TOKEN")]
    operator_token: Option<String>,
    /// File that holds the operator's token
    #[arg(long, value_name = "FILE")]
    operator_token_file: Option<PathBuf>,
    /// Number of source addresses (127.0.0.2, 127.0.0.3, …), for a broker on loopback only;
    /// absent: as many as are needed
    #[arg(long, value_name = "N")]
    pub(crate) source_addresses: Option<usize>,
    /// Process of the broker, whose processor time and memory are shown; absent: whoever listens there,
    /// if it is on loopback
    #[arg(long, value_name = "PID")]
    broker_pid: Option<u32>,
}

#[derive(Args, Clone)]
pub(crate) struct TenancyArgs {
    /// Organisations that the run creates
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) organisations: usize,
    /// Number of the first of them; the others follow it
    #[arg(long, default_value_t = 9001, value_name = "NUMBER")]
    pub(crate) first_organisation: u64,
    /// Concurrent licences per organisation, of the seat and of each channel; absent: 70 % of its
    /// agents
    #[arg(long, value_name = "N")]
    pub(crate) seats: Option<u64>,
    /// Contingency licences per organisation, of the same types; absent: 10 % of its agents
    #[arg(long, value_name = "N")]
    pub(crate) contingency: Option<u64>,
    /// Concurrent licences of agent_web_chat per organisation, fewer making partial logins;
    /// absent: as --seats, and where that is absent too 50 % of its agents
    #[arg(long, value_name = "N")]
    pub(crate) web_chat_seats: Option<u64>,
    /// Keep the organisations afterwards
    #[arg(long)]
    pub(crate) keep: bool,
}

impl TenancyArgs {
    /// With a licence for each of so many agents where nothing else is said.
    pub(crate) fn with_room_for(&self, agents: usize) -> Self {
        let everybody = u64::try_from(agents).unwrap_or(u64::MAX);
        Self { seats: Some(self.seats.unwrap_or(everybody)), ..self.clone() }
    }

    /// Judges the number of agents over all organisations, and that of organisations.
    ///
    /// # Errors
    ///
    /// The first option that does not fit, named.
    pub(crate) fn check(&self, agents: usize) -> Result<()> {
        ensure!((1..=SESSIONS_MAX).contains(&agents), "--agents: from 1 to {SESSIONS_MAX}");
        ensure!(
            (1..=ORGANISATIONS_MAX).contains(&self.organisations) && self.organisations <= agents,
            "--organisations: from 1 to {ORGANISATIONS_MAX}, and no more than --agents"
        );
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Leave {
    Logout,
    Drop,
}

impl MassLogin {
    /// Logins of the run: each agent on each device.
    pub(crate) fn sessions(&self) -> usize {
        self.agents.saturating_mul(self.devices.len())
    }

    pub(crate) fn arrival(&self) -> Arrival {
        self.rate.map_or(Arrival::AllAtOnce, Arrival::PerSecond)
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }

    /// Judges the options against each other.
    ///
    /// # Errors
    ///
    /// The first option that does not fit, named.
    pub(crate) fn check(&self) -> Result<()> {
        self.tenancy.check(self.agents)?;
        ensure!(
            self.sessions() <= SESSIONS_MAX,
            "--agents: with these --devices at most {SESSIONS_MAX} logins"
        );
        ensure!(
            self.devices.iter().enumerate().all(|(i, d)| !self.devices[..i].contains(d)),
            "--devices: each device at most once, a second login on the same one would take over"
        );
        ensure!(self.login_timeout_s > 0, "--login-timeout-s: at least 1");
        self.check_time()
    }

    fn check_time(&self) -> Result<()> {
        if let Some(rate) = self.rate {
            ensure!(rate.is_finite() && rate > 0.0, "--rate: a number above 0");
        }
        let arrival = self.arrival().length(self.sessions()).unwrap_or(Duration::MAX);
        let needed = arrival.saturating_add(self.hold);
        ensure!(
            needed < self.timeout(),
            "--timeout-s: arrivals and hold alone take {:.0} s, more than the {} s allowed",
            needed.as_secs_f64(),
            self.timeout_s
        );
        Ok(())
    }
}

impl TargetArgs {
    /// The broker's process, if it is known or can be found.
    pub(crate) fn broker_process(&self, address: SocketAddr) -> Option<u32> {
        self.broker_pid.or_else(|| listening_on(address))
    }

    /// The operator's token, from the option, the file or the environment, without blanks around.
    ///
    /// # Errors
    ///
    /// Where there is none, or the file cannot be read.
    pub(crate) fn operator_token(&self) -> Result<String> {
        let given = match (&self.operator_token, &self.operator_token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(file)) => Some(
                std::fs::read_to_string(file)
                    .with_context(|| format!("--operator-token-file {}", file.display()))?,
            ),
            (None, None) => std::env::var(OPERATOR_TOKEN_VARIABLE).ok(),
        };
        match given.map(|token| token.trim().to_owned()) {
            Some(token) if !token.is_empty() => Ok(token),
            _ => bail!(
                "an operator's token is needed: --operator-token-file, --operator-token or \
                 {OPERATOR_TOKEN_VARIABLE}"
            ),
        }
    }
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[&str]) -> MassLogin {
        let line = ["loadtest", "mass-login"].iter().chain(options);
        let parsed = Cli::try_parse_from(line).expect("the line parses").profile;
        let Profile::MassLogin(parsed) = parsed else { panic!("another profile") };
        parsed
    }

    #[test]
    fn the_defaults_pass() {
        parse(&[]).check().expect("defaults");
    }

    #[test]
    fn several_devices_multiply_the_sessions() {
        let options = parse(&["--agents", "10", "--devices", "agent_desktop,deskphone"]);
        options.check().expect("two devices");
        assert_eq!(options.sessions(), 20);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (line, named) in [
            (vec!["--agents", "0"], "--agents"),
            (vec!["--agents", "2", "--organisations", "3"], "--organisations"),
            (vec!["--devices", "deskphone,deskphone"], "--devices"),
            (vec!["--rate", "0"], "--rate"),
            (vec!["--rate", "NaN"], "--rate"),
            (vec!["--rate", "0.000001"], "--timeout-s"),
            (vec!["--rate", "1e-300"], "--timeout-s"),
            (vec!["--hold", "300"], "--timeout-s"),
        ] {
            let error = parse(&line).check().expect_err("refused").to_string();
            assert!(error.starts_with(named), "{line:?} gave: {error}");
        }
    }

    #[test]
    fn a_token_in_a_file_loses_its_newline() {
        let file = std::env::temp_dir().join(format!("loadtest-token-{}", std::process::id()));
        std::fs::write(&file, "secret\n").expect("temporary file");
        let path = file.to_str().expect("a readable path");
        let token = parse(&["--operator-token-file", path]).target.operator_token();
        std::fs::remove_file(&file).expect("temporary file");
        assert_eq!(token.expect("a token"), "secret");
    }

    #[test]
    fn the_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
