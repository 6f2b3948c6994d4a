//! How the client comes back: what it says first, and for how long it waits.

use crate::browser::Browser;
use crate::demo_broker::DemoBroker;
use serde_json::{Value, json};

const PLAY: &str = include_str!("back_off.js");

/// Plays a client in a page of the broker, whose `/static/client.js` it is.
async fn play(browser: &Browser, story: Value, grace_s: u32) -> Value {
    let script = format!(
        "const [story, grace_s, done] = arguments;\n{PLAY}\n\
         import('/static/client.js').then((client) => play(client, story, grace_s)).then(done, (error) => \
         done(String(error)));"
    );
    browser.client.execute_async(&script, vec![story, json!(grace_s)]).await.unwrap()
}

fn lost_then(codes: &[u16]) -> Value {
    let mut story = vec![json!({ "welcome": "logged_in", "code": 1006 })];
    story.extend(codes.iter().map(|code| json!({ "code": code })));
    story.push(json!({ "welcome": "resumed" }));
    Value::from(story)
}

#[tokio::test]
async fn a_client_waits_longer_each_time_and_never_past_its_grace() {
    let Some(browser) = Browser::start().await else { return };
    let broker = DemoBroker::start(0).await;
    browser.open_desk(broker.address).await;
    let codes = [4004, 4003, 4004, 1006, 4004, 4004];
    for (grace_s, waits_ms) in [
        (60, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]),
        (20, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]),
        (0, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]),
    ] {
        let played = play(&browser, lost_then(&codes), grace_s).await;
        assert_eq!(played["waits_ms"], json!(waits_ms), "with a grace of {grace_s} s: {played}");
        let said = played["said"].as_array().unwrap();
        assert_eq!(said[0], "login");
        assert!(said[1..].iter().all(|first| first == "resume r"), "{played}");
        assert_eq!(said.len(), codes.len() + 2);
    }
}

#[tokio::test]
async fn a_client_that_is_sent_away_spreads_over_the_time_that_it_was_given() {
    let Some(browser) = Browser::start().await else { return };
    let broker = DemoBroker::start(0).await;
    browser.open_desk(broker.address).await;
    for (grace_s, first_ms) in [(60, 10_000), (20, 10_000), (8, 4_000)] {
        let story = json!([
            { "welcome": "logged_in", "draining": 10, "code": 1001 },
            { "code": 1006 },
            { "welcome": "resumed" },
        ]);
        let played = play(&browser, story, grace_s).await;
        assert_eq!(played["waits_ms"], json!([first_ms, 1_000]), "{played}");
        assert_eq!(played["said"], json!(["login", "resume r", "resume r"]));
    }
}
