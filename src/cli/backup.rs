//! `licence-broker backup`: a copy of the store.

use super::Failure;
use super::place::PlaceArgs;
use crate::store::open::is_postgres;
use crate::store::sqlite::backup;
use clap::Args;
use std::io::Write as _;
use std::path::PathBuf;

/// What `--help` says.
pub(super) const HELP: &str = "\
Copy the store into one file, beside a running broker or without one.\n\n\
The copy is of one instant and has everything that the broker had answered before; it is \
checked, on disk, and readable by its owner alone. It holds password hashes and what \
sessions are resumed with: keep it as you keep the store. To restore it, stop the broker and \
put it where the store was.\n\n\
Exit codes: 0 the copy is there, 1 it is not (nothing is left behind), 2 wrong command line \
or settings.";

/// What is to be copied, and where to.
#[derive(Args, Clone, Debug)]
pub struct BackupArgs {
    /// Where the store is.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The copy; a file that does not exist yet
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// Copies.
pub(super) async fn run(arguments: &BackupArgs) -> Result<(), Failure> {
    let place = arguments.place.find()?;
    if is_postgres(&place.database) {
        let why = "a backup is of a SQLite file; PostgreSQL has its own, as pg_dump makes them";
        return Err(Failure::Failed(why.to_owned()));
    }
    let done = backup::backup(&place.database, &arguments.to).await.map_err(Failure::of)?;
    let (bytes, to) = (done.bytes, arguments.to.display());
    writeln!(std::io::stdout(), "{to}: {bytes} bytes").map_err(Failure::of)
}
