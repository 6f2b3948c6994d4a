//! The command line: what can be asked for, and how an answer becomes an exit code.
//!
//! Exit codes: 0 done, 1 it could not be done, 2 it was asked for wrongly. Whatever goes wrong is one
//! line on standard error.

mod backup;
mod check;
mod demo;
mod export;
mod import;
mod migrate_store;
mod password;
mod place;
mod token;
mod user;

pub use backup::BackupArgs;
pub use check::CheckArgs;
pub use demo::DemoArgs;
pub use export::ExportArgs;
pub use import::ImportArgs;
pub use migrate_store::MigrateStoreArgs;
pub use place::PlaceArgs;
pub use token::TokenArgs;
pub use user::UserArgs;

use crate::app;
use crate::clock::Clock;
use crate::config::settings::{Settings, variable};
use crate::config::{Config, ConfigError};
use crate::telemetry;
use actix_web::rt::System;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write as _;
use std::mem::ManuallyDrop;
use std::process::ExitCode;

/// Real-time broker of concurrent licences for contact centres.
#[derive(Debug, Parser)]
#[command(name = "licence-broker", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the broker until SIGTERM or SIGINT, then drain it
    Serve(Box<Settings>),
    /// Run a broker with a made-up organisation 129 and agents that come and go; loopback only
    Demo(DemoArgs),
    /// Print a token, signed with the key that `serve` trusts
    Token(TokenArgs),
    /// Make an account for somebody who signs in to the broker, or reset it; the broker must not run
    User(UserArgs),
    /// Verify the store's invariants; exit code 1 if one is broken
    #[command(long_about = check::HELP)]
    Check(CheckArgs),
    /// Copy the store into one file, while the broker runs
    #[command(long_about = backup::HELP)]
    Backup(BackupArgs),
    /// Write an organisation, whole, to standard output
    #[command(long_about = export::HELP)]
    Export(ExportArgs),
    /// Take in an organisation that `export` wrote, from standard input
    #[command(long_about = import::HELP)]
    Import(ImportArgs),
    /// Take everything that a SQLite file has over into an empty PostgreSQL database
    #[command(long_about = migrate_store::HELP)]
    MigrateStore(MigrateStoreArgs),
}

/// Why a command ended early: what to print, and with which code to exit.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// It was asked for wrongly.
    Usage(String),
    /// It could not be done.
    Failed(String),
}

impl Failure {
    /// For any error that is not the caller's doing.
    pub fn of(error: impl Display) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl Cli {
    /// Reads the arguments of this process. `--help` and `--version` are answered and end it.
    ///
    /// # Errors
    /// [`Failure::Usage`], in one line.
    pub fn from_process() -> Result<Self, Failure> {
        Self::read(std::env::args_os()).map_err(|error| {
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                error.exit();
            }
            usage(&error)
        })
    }

    fn read<T: Into<OsString> + Clone>(
        arguments: impl IntoIterator<Item = T>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::with_variables().try_get_matches_from(arguments)?;
        Self::from_arg_matches(&matches)
    }

    /// The commands, with the variable of each setting in the help of `serve`.
    fn with_variables() -> clap::Command {
        Self::command().mut_subcommand("serve", |serve| {
            serve.mut_args(|argument| {
                let (key, help) = (argument.get_id().to_string(), argument.get_help().cloned());
                let help = help.map(|help| format!("{help} [env: {}]", variable(&key)));
                argument.help(help.unwrap_or_default())
            })
        })
    }
}

/// The first paragraph of what `clap` has to say.
fn usage(error: &clap::Error) -> Failure {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::Usage("a command is needed; --help lists them".to_owned());
    }
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or(&text);
    let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
    Failure::Usage(line.trim_start_matches("error: ").to_owned())
}

impl Command {
    /// Does it; the process has nothing else to do.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::Serve(settings) => {
                let config = Config::from_process(&settings)?;
                telemetry::start_log(&config.log).map_err(Failure::of)?;
                if config.jwt_secret_file.is_none() {
                    config.make_data_dir().map_err(Failure::of)?;
                }
                // Never dropped: that would wait for blocking work, an export or a hash, however long it
                // takes. It ends with the process.
                let system = ManuallyDrop::new(System::new());
                system.block_on(app::serve(config)).map_err(Failure::of)
            }
            Self::Demo(arguments) => System::new().block_on(demo::run(&arguments)),
            Self::Check(arguments) => System::new().block_on(check::run(&arguments)),
            Self::Backup(arguments) => System::new().block_on(backup::run(&arguments)),
            Self::Export(arguments) => System::new().block_on(export::run(&arguments)),
            Self::Import(arguments) => System::new().block_on(import::run(&arguments)),
            Self::MigrateStore(arguments) => System::new().block_on(migrate_store::run(&arguments)),
            Self::Token(arguments) => {
                let token = arguments.token(&Clock::system())?;
                writeln!(std::io::stdout(), "{token}").map_err(Failure::of)
            }
            Self::User(arguments) => {
                let told = System::new().block_on(arguments.run(&Clock::system()))?;
                writeln!(std::io::stdout(), "{told}").map_err(Failure::of)
            }
        }
    }
}

/// Prints the failure, if there was one, and says with which code to exit.
pub fn conclude(outcome: Result<(), Failure>) -> ExitCode {
    let (text, code) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(text)) => (text, 2),
        Err(Failure::Failed(text)) => (text, 1),
    };
    // Whoever closed standard error wants no words; the code still tells.
    writeln!(std::io::stderr(), "licence-broker: {}", text.replace('\n', " ")).ok();
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> String {
        let arguments = ["licence-broker"].iter().chain(arguments);
        match usage(&Cli::read(arguments).expect_err("a wrong command line")) {
            Failure::Usage(text) | Failure::Failed(text) => text,
        }
    }

    #[test]
    fn a_wrong_command_line_is_told_in_one_line() {
        for (arguments, expected) in [
            (&[][..], "a command is needed; --help lists them"),
            (&["token"], "the following required arguments were not provided: --role <ROLE>"),
            (&["serve", "--prot", "1"], "unexpected argument '--prot' found"),
            (
                &["demo", "--agents", "1001"],
                "invalid value '1001' for '--agents <N>': 1001 is not in 0..=1000",
            ),
            (
                &["serve", "--heartbeat-s", "x"],
                "invalid value 'x' for '--heartbeat-s <SECONDS>': invalid digit found in string",
            ),
        ] {
            assert_eq!(refused(arguments), expected);
        }
    }

    #[test]
    fn the_help_of_serve_names_the_variable_of_each_setting() {
        let error = Cli::read(["licence-broker", "serve", "--help"]).expect_err("help");
        let help = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        for key in crate::config::settings::KEYS.iter().chain(&["config"]) {
            assert!(help.contains(&format!("[env: {}]", variable(key))), "{key} in\n{help}");
        }
    }

    #[test]
    fn the_commands_do_not_contradict_themselves() {
        Cli::with_variables().debug_assert();
    }
}
