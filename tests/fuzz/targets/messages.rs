//! The messages of devices and wallboards.

use licence_broker::domain::admission::Wanted;
use licence_broker::limits::{CHANNEL_NAME_BYTES_MAX, CHANNELS_PER_MESSAGE_MAX};
use licence_broker::protocol::request::{Request, RequestError, RequestId, parse};
use serde::de::IgnoredAny;
use std::sync::Arc;

/// Any text.
pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        read(text);
    }
}

/// Whether it is a JSON object; what it asks for is within the bounds.
pub(crate) fn read(text: &str) -> bool {
    // Passes over what no reader has to hold (RFC 8259 §9), so this says whether it is JSON.
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let is_object = is_json && text.trim_ascii_start().starts_with('{');
    let Ok(envelope) = parse(text) else {
        assert!(!is_object, "an object is read, or complained about by name");
        return false;
    };
    assert!(is_object);
    if let Some(RequestId::Number(number)) = envelope.id {
        assert!(number.abs() <= 1 << 53, "{number}");
    }
    match envelope.request {
        Ok(request) => check(&request),
        Err(RequestError::BadField(name, shape)) => assert!(!name.is_empty() && !shape.is_empty()),
        Err(RequestError::UnknownType(name)) => assert!(name.chars().count() <= 64),
        Err(RequestError::UnknownDevice(_)) => {}
    }
    true
}

fn check(request: &Request) {
    match request {
        Request::Login(login) => match &login.wanted {
            Wanted::Named(channels) => bounded(channels),
            Wanted::Assigned => {}
        },
        Request::Acquire { channels, .. } | Request::Release { channels } => bounded(channels),
        Request::Resume(_)
        | Request::Subscribe { .. }
        | Request::Refresh { .. }
        | Request::Ping
        | Request::Logout => {}
    }
}

fn bounded(channels: &[Arc<str>]) {
    assert!(channels.len() <= CHANNELS_PER_MESSAGE_MAX);
    assert!(channels.iter().all(|name| name.len() <= CHANNEL_NAME_BYTES_MAX));
}
