//! The balancers of `deploy/`, as Debian has them, in front of real brokers: what is of one organisation meets on one
//! node, sockets and event streams go through, a node that died is passed over, and nodes that share a PostgreSQL send
//! clients to each other by way of the balancer alone.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod balancer;
mod cluster;
mod nodes;
mod routing;
mod sent_on;
