//! Documents against the code: what `docs/asyncapi.yaml` says of the WebSocket protocol is what the broker
//! reads, writes and closes with, and what `docs/openapi.yaml` says of the HTTP API is what it answers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod containers;
mod data;
mod deploy;
mod document;
mod incoming;
mod metrics;
mod openapi;
mod outgoing;
mod security;
mod source;
mod structure;
mod words;
