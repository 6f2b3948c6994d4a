//! The client goes where its organisation is: it follows 4002, comes back when nobody is there, and may ask first.

use crate::browser::Browser;
use crate::support::broker::{Setup, TestBroker};
use actix_web::http::header;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use licence_broker::auth::Role;
use serde_json::{Value, json};

const PLAY: &str = include_str!("moving.js");
/// What is put before the broker's paths where this test has a node that sends everybody to the broker itself.
const ELSEWHERE: &str = "/node/b";

/// A page of a broker, in which `/static/client.js` can be loaded.
async fn page() -> Option<(Browser, TestBroker)> {
    let browser = Browser::start().await?;
    let broker = TestBroker::start().await;
    browser.open(&broker.url("/desk")).await;
    Some((browser, broker))
}

/// Plays a client in the page.
async fn play(browser: &Browser, play: Value) -> Value {
    let script = format!(
        "const [wanted, done] = arguments;\n{PLAY}\n\
         import('/static/client.js').then((client) => play(client, wanted)).then(done, (error) => \
         done(String(error)));"
    );
    browser.client.execute_async(&script, vec![play]).await.unwrap()
}

fn session(base: &str) -> String {
    format!("{base}/v1/organisations/7/session")
}

fn moved(to: &str) -> Value {
    json!({ "code": 4002, "reason": to })
}

#[tokio::test]
async fn a_login_that_came_to_the_wrong_node_goes_on_to_the_right_one_at_once() {
    let Some((browser, _broker)) = page().await else { return };
    for (home, reason, there) in [
        ("ws://home", "http://b.example:8080", "ws://b.example:8080"),
        ("wss://home", "https://b.example", "wss://b.example"),
        ("wss://home", "https://home/node/b", "wss://home/node/b"),
        ("wss://home/node/a", "https://home/node/b/", "wss://home/node/b"),
        ("ws://home", "http://b.example/v1/organisations/7/session", "ws://b.example"),
    ] {
        let story = json!([moved(reason), { "welcome": "logged_in" }]);
        let played = play(&browser, json!({ "url": home, "story": story })).await;
        assert_eq!(played["urls"], json!([session(home), session(there)]), "{reason}");
        assert_eq!(played["waits_ms"], json!([0]), "{reason}");
    }
}

#[tokio::test]
async fn an_address_that_nobody_may_be_sent_to_leads_home() {
    let Some((browser, _broker)) = page().await else { return };
    let home = "wss://home";
    for reason in ["moved", "", "javascript:alert(1)", "file:///etc/passwd", "http://plain.example"]
    {
        let story = json!([moved(reason), { "welcome": "logged_in" }]);
        let played = play(&browser, json!({ "url": home, "story": story })).await;
        assert_eq!(played["urls"], json!([session(home), session(home)]), "{reason}");
        assert_eq!(played["waits_ms"], json!([500]), "{reason}: with back-off");
    }
}

#[tokio::test]
async fn whoever_is_sent_round_in_a_circle_comes_home_and_tries_again_a_little_later() {
    let Some((browser, _broker)) = page().await else { return };
    let circles: [(&[&str], &[u64]); 3] = [
        (&["b", "home"], &[0, 1_000]),
        (&["b", "c", "b"], &[0, 0, 1_000]),
        (&["b", "c", "d", "e", "f"], &[0, 0, 0, 0, 1_000]),
    ];
    for (nodes, waits_ms) in circles {
        let mut story: Vec<_> = nodes.iter().map(|node| moved(&format!("http://{node}"))).collect();
        story.push(json!({ "welcome": "logged_in" }));
        let played = play(&browser, json!({ "url": "ws://home", "story": story })).await;
        assert_eq!(played["waits_ms"], json!(waits_ms), "{played}");
        let last = played["urls"].as_array().unwrap().last().cloned();
        assert_eq!(last, Some(json!(session("ws://home"))), "{played}");
    }
}

#[tokio::test]
async fn a_back_off_does_not_grow_until_nodes_should_have_agreed_by_now() {
    let Some((browser, _broker)) = page().await else { return };
    // Home sends to the node that died, in whose place the balancer has another answer, which says the same.
    let mut story: Vec<_> = (0..20).map(|_| moved("https://home/node/a")).collect();
    story.push(json!({ "welcome": "logged_in" }));
    let played = play(&browser, json!({ "url": "wss://home", "story": story })).await;
    let mut waits_ms: Vec<u64> = [0, 1_000].repeat(8);
    waits_ms.extend([0, 500, 0, 1_000]);
    assert_eq!(played["waits_ms"], json!(waits_ms), "{played}");
}

#[tokio::test]
async fn a_session_that_moves_spreads_out_and_comes_back_where_its_new_node_dies() {
    let Some((browser, _broker)) = page().await else { return };
    let story = json!([
        { "welcome": "logged_in", "code": 4002, "reason": "http://b" },
        { "welcome": "resumed", "code": 1006 },
        { "code": 1006 },
        { "code": 1006 },
        { "welcome": "resumed" },
    ]);
    let played = play(&browser, json!({ "url": "ws://home", "story": story })).await;
    let [home, there] = [session("ws://home"), session("ws://b")];
    assert_eq!(played["urls"], json!([home, there, home, there, home]));
    assert_eq!(played["waits_ms"], json!([500, 1_000, 2_000, 4_000]));
}

#[tokio::test]
async fn each_of_several_addresses_is_tried_in_turn() {
    let Some((browser, _broker)) = page().await else { return };
    let story =
        json!([{ "code": 1006 }, { "code": 1006 }, { "code": 1006 }, { "welcome": "logged_in" }]);
    let played =
        play(&browser, json!({ "url": ["ws://a", "ws://b", "ws://c/"], "story": story })).await;
    let [a, b, c] = ["ws://a", "ws://b", "ws://c"].map(session);
    assert_eq!(played["urls"], json!([a, b, c, a]));
}

#[tokio::test]
async fn a_client_that_asks_first_comes_to_the_right_node_or_else_is_told() {
    let Some((browser, _broker)) = page().await else { return };
    let asked = "https://home/v1/organisations/7/endpoint Bearer token";
    for (endpoint, there) in [
        (json!({ "organisation": 7, "node": "b", "url": "https://b", "here": false }), "wss://b"),
        (json!({ "organisation": 7, "node": "a", "url": "https://a", "here": true }), "wss://home"),
        (
            json!({ "organisation": 7, "node": "b", "url": "no address", "here": false }),
            "wss://home",
        ),
        (json!(null), "wss://home"),
    ] {
        let story = json!([{ "welcome": "logged_in" }]);
        let wanted = json!({ "url": "wss://home", "story": story, "endpoint": endpoint });
        let played = play(&browser, wanted).await;
        assert_eq!(played["asked"], json!([asked]), "{endpoint}");
        assert_eq!(played["urls"], json!([session(there)]), "{endpoint}");
    }
}

/// A node that has nothing: it takes the upgrade and sends everybody to where they asked for it.
async fn sends_away(request: HttpRequest) -> Result<HttpResponse, Error> {
    let headers = request.headers();
    let key = headers.get(header::SEC_WEBSOCKET_KEY).expect("an upgrade").as_bytes();
    let accept = actix_http::ws::hash_key(key);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).expect("a host");
    let reason = format!("http://{host}");
    let mut close = vec![0x88, u8::try_from(2 + reason.len()).expect("a short frame")];
    close.extend_from_slice(&4002_u16.to_be_bytes());
    close.extend_from_slice(reason.as_bytes());
    let frame = stream::iter([Ok::<_, Error>(Bytes::from(close))]);
    Ok(HttpResponse::SwitchingProtocols()
        .upgrade("websocket")
        .insert_header((header::SEC_WEBSOCKET_ACCEPT, &accept[..]))
        .insert_header((header::SEC_WEBSOCKET_PROTOCOL, "licence-broker.v1"))
        .streaming(frame))
}

fn wrong_node(routes: &mut web::ServiceConfig) {
    for path in ["session", "live"] {
        let path = format!("{ELSEWHERE}/v1/organisations/{{organisation}}/{path}");
        routes.route(&path, web::get().to(sends_away));
    }
}

#[tokio::test]
async fn a_browser_follows_from_the_wrong_node_to_the_broker_desk_and_wallboard_alike() {
    let Some(browser) = Browser::start().await else { return };
    let broker = TestBroker::with(Setup { routes: wrong_node, ..Setup::default() }).await;
    let operator = broker.operator();
    operator.create_organisation(7).await;
    operator.buy(7, "inbound_agent", 2, 0).await;
    operator.add_user(7, "edred", "inbound_agent", &[]).await;
    browser.open(&broker.url("/desk")).await;
    let script = "const [home, device, viewer, done] = arguments;
        const timers = { setTimeout: (...given) => setTimeout(...given), clearTimeout: (timer) => clearTimeout(timer) };
        (async () => {
          const { LicenceBrokerClient } = await import('/static/client.js');
          const { LiveCounts } = await import('/static/live.js');
          const client = new LicenceBrokerClient({
            url: home, organisation: 7, device: 'agent_desktop', getToken: async () => device,
          });
          const { granted } = await client.login();
          const live = new LiveCounts({ url: home, organisation: 7, getToken: async () => viewer, timers });
          const counted = new Promise((resolve) => live.addEventListener('changed', resolve, { once: true }));
          live.start();
          await counted;
          const used = live.licences.get('inbound_agent').concurrent.used;
          live.stop();
          await client.logout();
          return [granted[0].licence, used];
        })().then(done, (error) => done(String(error)));";
    let home = format!("ws://{}{ELSEWHERE}", broker.address);
    let tokens = [(Role::Device, "edred"), (Role::Supervisor, "sue")];
    let [device, viewer] = tokens.map(|(role, name)| json!(broker.token(role, 7, name)));
    let told =
        browser.client.execute_async(script, vec![json!(home), device, viewer]).await.unwrap();
    assert_eq!(told, json!(["inbound_agent", 1]));
}
