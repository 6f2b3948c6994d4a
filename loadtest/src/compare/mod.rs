//! What changed between two runs.
//!
//! | file | what it holds |
//! |---|---|
//! | here | the command line, and the story |
//! | `read` | a file of results |
//! | `changes` | one row for each number that both or one of them have |
//! | `table` | the rows for people |

mod changes;
mod read;
mod table;

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;

use changes::Changes;

#[derive(Args)]
pub(crate) struct Compare {
    /// Results of the run before, as `--json` wrote them
    before: PathBuf,
    /// Results of the run after
    after: PathBuf,
    /// Exit 1 if anything is worse by more than this factor: 1.3 allows 30 %
    #[arg(long, value_name = "RATIO")]
    fail_above: Option<f64>,
}

/// Whether nothing is worse by more than is allowed.
///
/// # Errors
///
/// Where a file is not one of results, or an option does not fit.
pub(crate) fn run(options: &Compare) -> Result<bool> {
    if let Some(ratio) = options.fail_above {
        ensure!(ratio.is_finite() && ratio >= 1.0, "--fail-above: a number from 1");
    }
    let before = read::results(&options.before)?;
    let after = read::results(&options.after)?;
    ensure!(
        before.profile == after.profile,
        "{} and {} cannot be compared: profile {} and profile {}",
        options.before.display(),
        options.after.display(),
        before.profile,
        after.profile
    );
    let changes = Changes::between(&before, &after);
    let table = table::of(&before, &after, &changes, options.fail_above);
    write!(stdout(), "{table}").context("standard output")?;
    Ok(options.fail_above.is_none_or(|ratio| changes.worse_than(ratio).next().is_none()))
}
