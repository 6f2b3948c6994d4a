//! `licence-broker migrate-store`: everything out of a file and into a database of a server.

use super::Failure;
use crate::catalogue_file;
use crate::store::open::is_postgres;
use crate::store::whole::{self, TakenOver};
use clap::Args;
use std::io::Write as _;
use std::path::PathBuf;

/// What `--help` says.
pub(super) const HELP: &str = "\
Take everything that a SQLite file has over into an empty PostgreSQL database.\n\n\
The broker must be stopped: the file is locked meanwhile, and nothing of it is changed. Both \
sides are verified as `check` does it, and must come to the same. It is one transaction: what \
ends early leaves the database as it was. Start `serve` with the new URL afterwards, with the \
same data directory; keep the file until you are content.\n\n\
Exit codes: 0 everything is there and verified, 1 it is not, 2 wrong command line.";

/// What is taken over, and where to.
#[derive(Args, Clone, Debug)]
pub struct MigrateStoreArgs {
    /// The file: sqlite://PATH
    #[arg(value_name = "FROM")]
    pub from: String,
    /// The database, which must be there and empty: postgres://USER@HOST/NAME
    #[arg(value_name = "TO")]
    pub to: String,
    /// Catalogue of licence types, where `serve` has one
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,
}

/// Takes it over.
pub(super) async fn run(arguments: &MigrateStoreArgs) -> Result<(), Failure> {
    let MigrateStoreArgs { from, to, catalogue } = arguments;
    if is_postgres(from) || !is_postgres(to) {
        let why = "FROM is a file, sqlite://PATH, and TO a database, postgres://USER@HOST/NAME";
        return Err(Failure::Usage(why.to_owned()));
    }
    let catalogue = match catalogue {
        Some(path) => catalogue_file::read(path).map_err(Failure::of)?,
        None => catalogue_file::built_in(),
    };
    let mut out = std::io::stdout().lock();
    let mut written = Ok(());
    let mut print = |finding: &_| {
        if written.is_ok() {
            written = writeln!(out, "{finding}");
        }
    };
    let done = whole::take_over(from, to, &catalogue, &mut print).await;
    let TakenOver { rows, summary } = done.map_err(Failure::of)?;
    written.map_err(Failure::of)?;
    let organisations = summary.organisations;
    writeln!(out, "{rows} rows of {organisations} organisations, verified on both sides")
        .map_err(Failure::of)
}
