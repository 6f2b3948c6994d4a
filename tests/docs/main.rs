//! Documents against the code: what `docs/asyncapi.yaml` says of the WebSocket protocol is what the broker
//! reads, writes and closes with.

mod document;
mod incoming;
mod outgoing;
mod source;
mod structure;
mod words;
