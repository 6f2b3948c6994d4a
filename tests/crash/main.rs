//! The broker as a process of its own, killed in the middle of logins; what clients were told is held
//! against the log that is found afterwards.
//!
//! `tests/crash/run 50` kills it more often than the 8 times of an ordinary run and says what came of it;
//! `CRASH_SEED` repeats the choices of a seed. `tests/crash/run recovery` measures how long a restart takes
//! with 20,000 open sessions. What else can befall a database is in `outage`, `read_only` and `damaged`.

#![allow(unreachable_pub, reason = "a suite is a crate that nobody uses")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` reads best where it is passed")]

#[path = "../support/mod.rs"]
mod support;

mod child;
mod damaged;
mod desk;
mod drain;
mod kill;
mod moments;
mod outage;
mod read_only;
mod recovery;
mod terminate;
mod troubles;
