//! `licence-broker check`: whether what is kept holds together.

use super::Failure;
use super::place::PlaceArgs;
use crate::store::sqlite::check::{Finding, Summary};
use crate::store::whole;
use clap::Args;
use std::io::Write as _;

/// What `--help` says.
pub(super) const HELP: &str = "\
Verify the store's invariants, beside a running broker or without one.\n\n\
Each record that breaks an invariant is a line on standard output; what was verified is the \
last one. Nothing is locked or written; while it runs on a busy broker, the database's \
journal grows. Of a PostgreSQL database it verifies a copy of one instant, a file of about its \
size among the temporary files (TMPDIR).\n\n\
Exit codes: 0 every invariant holds (there may be warnings), 1 one is broken or the store \
cannot be read, 2 wrong command line or settings.";

/// What is to be verified.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Where the store is.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Verifies, and fails if an invariant is broken.
pub(super) async fn run(arguments: &CheckArgs) -> Result<(), Failure> {
    let place = arguments.place.find()?;
    let catalogue = place.catalogue()?;
    let mut out = std::io::stdout().lock();
    let mut written = Ok(());
    let mut print = |finding: &Finding| {
        if written.is_ok() {
            written = writeln!(out, "{finding}");
        }
    };
    let summary = whole::check(&place.database, &catalogue, &mut print).await;
    let summary = summary.map_err(Failure::of)?;
    written.map_err(Failure::of)?;
    writeln!(out, "{}", text(&summary)).map_err(Failure::of)?;
    if summary.broken > 0 {
        return Err(Failure::Failed(format!("{} records break an invariant", summary.broken)));
    }
    Ok(())
}

fn text(summary: &Summary) -> String {
    let Summary { invariants, organisations, usage, instances, broken, warnings } = summary;
    format!(
        "{invariants} invariants of {organisations} organisations verified over {usage} usage records \
         and {instances} open instances: {broken} broken, {warnings} warnings"
    )
}
