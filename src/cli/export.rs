//! `licence-broker export`: an organisation, whole.

use super::Failure;
use super::place::PlaceArgs;
use crate::domain::ids::OrganisationId;
use crate::store::whole;
use clap::Args;
use std::io::BufWriter;

/// What `--help` says.
pub(super) const HELP: &str = "\
Write an organisation, whole, to standard output, beside a running broker or without one.\n\n\
Lines of JSON: a header, every row that the store has of the organisation as it stands at \
one instant, and a last line with their number and a checksum. It is the customer's own \
backup, so it has what is sensitive too: password hashes and second factors of accounts, and \
the digests that open sessions are resumed with. Keep it as you keep the store.\n\n\
Exit codes: 0 done, 1 there is no such store or organisation, or it could not be written, 2 \
wrong command line or settings.";

/// What is to be written.
#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    /// The number of the organisation
    #[arg(long, value_name = "N")]
    pub organisation: u64,
    /// Where the store is.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Writes it.
pub(super) async fn run(arguments: &ExportArgs) -> Result<(), Failure> {
    let place = arguments.place.find()?;
    let organisation = number("--organisation", arguments.organisation)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let done = whole::export(&place.database, organisation, &mut out).await;
    done.map(|_| ()).map_err(Failure::of)
}

/// The number of an organisation, as a flag gives it.
pub(super) fn number(flag: &str, number: u64) -> Result<OrganisationId, Failure> {
    OrganisationId::new(number).ok_or_else(|| {
        let most = OrganisationId::MAX;
        Failure::Usage(format!("{flag}: organisations are numbered from 1 to {most}"))
    })
}
