//! The WebSocket protocol, over real sockets.

#[path = "../support/mod.rs"]
mod support;

mod devices;
