//! Commits that are late, fail, or end nobody knows how; actors that panic; devices that take nothing.

#![allow(unreachable_pub, reason = "a suite is a crate that nobody uses")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` reads best where it is passed")]

#[path = "../support/mod.rs"]
mod support;

mod admission;
mod bounds;
mod failed_commits;
mod held_commits;
mod outage;
mod panics;
mod puppet;
mod races;
mod readiness;
mod stage;
mod storm;
