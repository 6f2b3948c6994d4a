//! What lies between the network and the protocols: TLS and its certificate, peers that are too slow or
//! speak nonsense, and pages that may not connect.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod authority;
mod certificates;
mod frames;
mod framing;
mod origins;
mod secure;
mod slow;
mod slow_readers;
mod tls;
