//! Slow and endless frames on a socket.

use crate::support::broker::{Setup, TestBroker};
use crate::support::eventually::eventually;
use crate::support::http::Api;
use crate::support::raw::{PONG, Raw, TEXT, frame, header};
use chrono::Utc;
use licence_broker::clock::Clock;
use licence_broker::limits::Limits;
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{interval, timeout};

const HEARTBEAT: Duration = Duration::from_secs(1);
/// For scheduling, on top of what the contract allows.
const SLACK: Duration = Duration::from_millis(700);
/// The first byte of a text frame that is the beginning of a message.
const FIRST: u8 = 0x01;
/// The first byte of a frame that goes on with a message.
const MORE: u8 = 0x00;
/// The first byte of a frame that ends it.
const LAST: u8 = 0x80;

async fn start(setup: Setup) -> (TestBroker, Api) {
    let broker = TestBroker::with(setup).await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 1, 0).await;
    operator.add_user(129, "edred", "inbound_agent", &[]).await;
    (broker, operator)
}

/// Sends one byte after the other until the connection ends.
async fn trickle(device: &mut Raw, bytes: &[u8]) {
    let mut pace = interval(HEARTBEAT / 10);
    for byte in bytes {
        pace.tick().await;
        if device.stream.write_all(&[*byte]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_frame_that_trickles_is_no_sign_of_life() {
    let (broker, operator) = start(Setup { heartbeat: HEARTBEAT, ..Setup::default() }).await;
    let mut device = broker.raw_device("edred", None, json!({})).await;
    let long = [header(TEXT, 1_000, 0x80), vec![0; 1_004]].concat();
    let gone = eventually(2 * HEARTBEAT + SLACK, "its licences are free", async || {
        operator.all("/v1/organisations/129/sessions").await.is_empty()
    });
    tokio::select! {
        _ = gone => {}
        () = trickle(&mut device, &long) => panic!("a thousand bytes were taken"),
    }
    assert_eq!(operator.usage(129).await.last().unwrap()["reason"], "heartbeat_timeout");
    assert_eq!(device.close_code().await, Some(4000));
}

#[tokio::test]
async fn a_message_in_fragments_without_end_is_too_big() {
    let limits = Limits { frames_per_second: 1_000, ..Limits::default() };
    let (broker, _operator) = start(Setup { limits, ..Setup::default() }).await;
    let mut device = broker.raw_device("edred", None, json!({})).await;
    device.bytes(&frame(FIRST, b"{")).await;
    let more = frame(MORE, &[b' '; 100]);
    let endless = async { while device.stream.write_all(&more).await.is_ok() {} };
    // It ends when the broker has closed the connection.
    timeout(crate::support::socket::PATIENCE, endless).await.expect("closed");
    assert!(matches!(device.close_code().await, Some(1009) | None), "or a reset took it away");
}

/// Pongs and pieces of messages want nothing done, and are paid for all the same.
#[tokio::test]
async fn frames_that_want_nothing_are_read_at_the_rate_too() {
    let fragments = [frame(FIRST, b""), frame(LAST, b"{}")].concat();
    for quiet in [frame(PONG, b"").repeat(20), fragments.repeat(10)] {
        let limits = Limits { frames_per_second: 10, ..Limits::default() };
        let clock = Clock::manual(Utc::now());
        let setup = Setup { limits, clock: clock.clone(), ..Setup::default() };
        let (broker, _operator) = start(setup).await;
        let mut device = broker.raw_device("edred", None, json!({})).await;
        device.bytes(&quiet).await;
        device.text(r#"{"type":"ping"}"#).await;
        let early = timeout(Duration::from_millis(300), async {
            while device.message().await["type"] != "pong" {}
        });
        assert!(early.await.is_err(), "the burst is used up, and the clock stands still");
        clock.advance(Duration::from_secs(10));
        while device.message().await["type"] != "pong" {}
    }
}
