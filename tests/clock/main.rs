//! A broker in a process of its own whose wall clock is set while people work: forward, back, over the end
//! of a month and over the change of daylight saving.
//!
//! The clock is that of `libfaketime` (Debian's package `faketime`), which leaves the monotonic clock as it
//! is, like a clock that somebody sets. Where it is missing these tests leave themselves out and say so;
//! with `CHECK=full` in the environment they fail instead.

#![allow(unreachable_pub, reason = "a suite is a crate that nobody uses")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` reads best where it is passed")]

#[path = "../support/mod.rs"]
mod support;

mod day;
mod hand;
mod intervals;
mod office;
