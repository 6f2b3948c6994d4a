//! Words, codes and bounds: the document's are the code's.

use super::document::{Document, Sender};
use super::source;
use licence_broker::domain::reason::{DenialReason, Device, GrantPool, Refusal, ReleaseReason};
use licence_broker::limits;
use licence_broker::protocol::SUBPROTOCOL;
use licence_broker::protocol::close::Close;
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn the_types_of_message_are_those_that_the_broker_reads_and_writes() {
    let document = Document::read();
    assert_eq!(document.sent_by(Sender::Client, None), source::read_types());
    assert_eq!(document.sent_by(Sender::Broker, None), source::written_types());
}

#[test]
fn every_close_code_is_there_with_its_name_and_no_other() {
    let document = Document::read();
    let entries = document.at("/x-close-codes").as_array().expect("a list");
    let listed: BTreeSet<_> = entries
        .iter()
        .map(|entry| {
            let name = entry["name"].as_str().expect("a name").to_owned();
            (entry["code"].as_u64().expect("a code"), name)
        })
        .collect();
    assert_eq!(listed, source::closes());
    assert_eq!(listed.len(), entries.len(), "no name stands there twice");
}

#[test]
fn what_a_machine_may_retry_is_what_the_code_says() {
    for entry in Document::read().at("/x-close-codes").as_array().expect("a list") {
        let code = entry["code"].as_u64().expect("a code");
        let close = Close { code: code.try_into().expect("a close code"), name: "" };
        assert_eq!(entry["may_retry"], close.may_retry(), "{code}");
        assert!(entry["when"].is_string() && entry["client"].is_string(), "{code}");
    }
}

#[test]
fn every_word_list_is_that_of_the_rules() {
    let document = Document::read();
    let same =
        |schema: &str, words: Vec<&str>| assert_eq!(document.words(schema), words, "{schema}");
    same("device", Device::ALL.iter().map(|word| word.as_str()).collect());
    same("pool", GrantPool::ALL.iter().map(|word| word.as_str()).collect());
    same("denial_reason", DenialReason::ALL.iter().map(|word| word.as_str()).collect());
    same("refusal", Refusal::ALL.iter().map(|word| word.as_str()).collect());
    same("release_reason", ReleaseReason::ALL.iter().map(|word| word.as_str()).collect());
}

#[test]
fn the_bounds_are_those_that_are_enforced() {
    let document = Document::read();
    let bounds = json!({
        "message_bytes_max": limits::MESSAGE_BYTES_MAX,
        "channels_per_message_max": limits::CHANNELS_PER_MESSAGE_MAX,
        "channel_name_bytes_max": limits::CHANNEL_NAME_BYTES_MAX,
        "login_timeout_s": limits::LOGIN_TIMEOUT.as_secs(),
        "live_interval_ms": limits::LIVE_INTERVAL.as_millis() as u64,
        "requests_under_way_per_session_max": limits::REQUESTS_UNDER_WAY_PER_SESSION_MAX,
    });
    assert_eq!(document.at("/x-limits"), &bounds);
    let channels = document.at("/components/schemas/channels");
    assert_eq!(channels["maxItems"], limits::CHANNELS_PER_MESSAGE_MAX);
    assert_eq!(channels["items"]["maxLength"], limits::CHANNEL_NAME_BYTES_MAX);
}

#[test]
fn the_subprotocol_is_the_one_that_is_negotiated() {
    let document = Document::read();
    let headers = document.at("/components/channelBindings/upgrade/ws/headers/properties");
    assert_eq!(headers["Sec-WebSocket-Protocol"]["const"], SUBPROTOCOL);
}
