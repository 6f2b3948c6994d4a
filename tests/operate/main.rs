//! What whoever runs the broker does with its store: check it, copy it, move an organisation, forget.

#![allow(unreachable_pub, reason = "a suite is a crate that nobody uses")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` reads best where it is passed")]

#[path = "../support/mod.rs"]
mod support;

mod backup;
mod breaks;
mod busy;
mod check;
mod program;
mod retention;
mod silence;
mod transfer;
