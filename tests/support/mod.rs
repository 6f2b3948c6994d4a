//! Shared by the suites that run a whole broker: one is started in this process on a port of its own,
//! and spoken to over real sockets.
//!
//! Each suite is a crate of its own and uses a part of this.
#![allow(dead_code, unreachable_pub, reason = "every suite uses another part")]
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` reads best where it is passed")]

pub mod agent;
pub mod audit;
pub mod broker;
pub mod eventually;
pub mod faulty_store;
pub mod http;
pub mod postgres;
pub mod raw;
pub mod signer;
pub mod socket;
pub mod sound;
pub mod until;
