//! Holds what is kept against what must always be true of it.
//!
//! One transaction that only reads, beside a broker that may be running. The logs are streamed, so that
//! the memory needed follows from what is held at once and not from how much was ever recorded.
//!
//! | file | what it verifies |
//! |---|---|
//! | `sound` | that SQLite itself finds nothing wrong |
//! | `words` | words, and names of licence types |
//! | `order` | that ids and instants of each log grow together |
//! | `queries` | what one statement can tell |
//! | `replay` | the per-user log, record by record |
//! | `by_user` | that the index by user and the log agree |
//! | `maxima` | the months' contingency maxima, from the same replay |
//! | `bills` | closed months |
//! | `lapses` | who was active this month |
//! | `known` | what all of them know: organisations, what was bought when, when months ended |

mod bills;
mod by_user;
mod finding;
mod known;
mod lapses;
mod maxima;
mod order;
mod queries;
mod replay;
mod sound;
mod words;

pub use finding::{Finding, Severity};

use super::{StoreError, snapshot};
use crate::domain::catalogue::Catalogue;
use finding::Findings;
use known::Known;
use sqlx::sqlite::SqliteConnection;

/// What was verified, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Different invariants.
    pub invariants: usize,
    /// Organisations, deleted ones included.
    pub organisations: usize,
    /// Records of the per-user log that were replayed.
    pub usage: u64,
    /// Licences that open sessions hold.
    pub instances: usize,
    /// Records that break an invariant.
    pub broken: u64,
    /// Records that are worth a look.
    pub warnings: u64,
}

/// What every verification works with.
struct Checking<'a> {
    connection: &'a mut SqliteConnection,
    catalogue: &'a Catalogue,
    findings: Findings<'a>,
}

/// Verifies the database in the file that `url_or_path` names; each finding goes to `sink` as it is made.
///
/// # Errors
/// If there is no such database, it is of another version, or its organisations cannot be read.
pub async fn check(
    url_or_path: &str,
    catalogue: &Catalogue,
    sink: &mut dyn FnMut(&Finding),
) -> Result<Summary, StoreError> {
    let path = snapshot::existing(url_or_path)?;
    let mut connection = snapshot::begin(&path).await?;
    let findings = Findings::new(sink);
    let mut checking = Checking { connection: &mut connection, catalogue, findings };
    let known = Known::read(&mut checking).await?;
    let mut invariants = words::check(&mut checking).await + queries::check(&mut checking).await;
    invariants += by_user::check(&mut checking).await;
    let outcome = sound::check(&mut checking).await;
    invariants += checking.unless_unreadable("database", outcome);
    let outcome = order::check(&mut checking).await;
    invariants += checking.unless_unreadable("denials", outcome);
    let outcome = bills::check(&mut checking, &known).await;
    invariants += checking.unless_unreadable("bill_lines", outcome);
    let outcome = lapses::check(&mut checking, &known).await;
    invariants += checking.unless_unreadable("lapses", outcome);
    let outcome = replay::check(&mut checking, &known).await;
    let replayed = checking.unless_unreadable("usage", outcome);
    invariants += replayed.invariants;
    Ok(Summary {
        invariants,
        organisations: known.organisations.len(),
        usage: replayed.records,
        instances: replayed.instances,
        broken: checking.findings.broken,
        warnings: checking.findings.warnings,
    })
}

const READABLE: &str = "what is kept can be read";

impl Checking<'_> {
    /// What came of a verification; one that could not be finished is a finding, and others go on.
    fn unless_unreadable<T: Default>(
        &mut self,
        table: &'static str,
        outcome: Result<T, StoreError>,
    ) -> T {
        outcome.unwrap_or_else(|error| {
            self.findings.broken(READABLE, table, None, "as a whole", error);
            T::default()
        })
    }
}
