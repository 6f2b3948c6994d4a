//! The WebSocket protocol, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod centre;
mod dead_peers;
mod devices;
mod endings;
mod grace;
mod tokens;
mod upgrades;
mod wallboards;
