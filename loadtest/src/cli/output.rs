//! Where the results of a run go, alike for all profiles.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct OutputArgs {
    /// Write the results as JSON to this file, for `compare`; `-`: standard output, the table to standard
    /// error
    #[arg(long, value_name = "FILE|-")]
    pub(crate) json: Option<PathBuf>,
    /// Write the results as one page of HTML with charts to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}
