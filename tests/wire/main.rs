//! The WebSocket protocol, over real sockets.

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod centre;
mod dead_peers;
mod devices;
mod endings;
mod grace;
mod upgrades;
mod wallboards;
