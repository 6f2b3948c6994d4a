//! The wire types of `licence-broker.v1`: what is read, what is written, and the close codes.

pub mod close;
pub mod device;
mod lists;
pub mod request;
pub mod wallboard;

/// The subprotocol that is negotiated by `Sec-WebSocket-Protocol`.
pub const SUBPROTOCOL: &str = "licence-broker.v1";
