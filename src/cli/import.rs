//! `licence-broker import`: an organisation, as `export` wrote it.

use super::Failure;
use super::export::number;
use super::place::PlaceArgs;
use crate::store::open::is_postgres;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::transfer::Imported;
use clap::Args;
use std::io::Write as _;

/// What `--help` says.
pub(super) const HELP: &str = "\
Take in an organisation from standard input, as `export` wrote it, while no broker runs on \
the store.\n\n\
All of it or nothing. A store that does not exist is made. The number must be free. Sessions \
that were open are open here too, and are released or linger as after a restart when the \
broker starts. Password hashes and other secrets that the export has come along.\n\n\
Exit codes: 0 done, 1 nothing was taken in (the line that is wrong is named), 2 wrong \
command line or settings.";

/// What is to be taken in, and where to.
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// The number that it is to have here [default: the one that it had]
    #[arg(long = "as", value_name = "N")]
    pub number: Option<u64>,
    /// Where the store is.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Takes it in.
pub(super) async fn run(arguments: &ImportArgs) -> Result<(), Failure> {
    let place = arguments.place.find()?;
    let number = arguments.number.map(|given| number("--as", given)).transpose()?;
    let catalogue = place.catalogue()?;
    if is_postgres(&place.database) {
        let why =
            "an organisation is taken into a SQLite file; `migrate-store` takes that over whole";
        return Err(Failure::Failed(why.to_owned()));
    }
    let store = SqliteStore::open(&place.database, catalogue).await.map_err(Failure::of)?;
    let mut input = std::io::stdin().lock();
    let Imported { organisation, rows } =
        store.import(number, &mut input).await.map_err(Failure::of)?;
    writeln!(std::io::stdout(), "organisation {organisation}: {rows} rows").map_err(Failure::of)
}
