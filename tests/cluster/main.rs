//! Three nodes, each a process of the program as it was built, on one PostgreSQL; what befalls them while
//! devices work; and an auditor over all of them that knows what devices were told and nothing else.
//!
//! Where there is no PostgreSQL these tests leave themselves out and say so; with `CHECK=full` in the
//! environment they fail instead. `cargo test --test cluster twenty -- --ignored --nocapture` prints how long
//! newcomers wait after the loss of a node, over 20 losses (docs/SCALE.md).

#![allow(unreachable_pub, reason = "a suite is a crate that nobody uses")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../clock/hand.rs"]
mod hand;
#[path = "../support/mod.rs"]
mod support;

mod alone;
mod arrival;
mod auditor;
mod caller;
mod centre;
mod chaos;
mod cluster;
mod device;
mod estate;
mod floor;
mod kept;
mod line;
mod line_checks;
mod losses;
mod moved;
mod newcomers;
mod node;
mod outages;
mod restarts;
mod shift;
mod twenty;
mod witness;
