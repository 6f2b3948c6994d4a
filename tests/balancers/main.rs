//! The balancers of `deploy/`, as Debian has them, in front of real brokers: what is of one organisation meets on one
//! node, sockets and event streams go through, and a node that died is passed over.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod balancer;
mod nodes;
mod routing;
