//! Grace and resume, end to end: the broker is a process of its own, the network between is a forwarder
//! that breaks as networks do, and brokers stop, are killed, and are replaced by others.

#![allow(unreachable_pub, reason = "a suite is a crate that nobody uses")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` reads best where it is passed")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../crash/child.rs"]
mod child;

mod centre;
mod forwarder;
mod interruptions;
mod lost_answers;
