//! What is seen of the broker from outside: its series, the ids of requests, and that neither grows with
//! what clients send.

use crate::raw;
use crate::support::broker::{Setup, TestBroker};
use crate::support::until::until_seen;
use licence_broker::auth::Role;
use licence_broker::limits::Limits;
use licence_broker::telemetry::{self, ALL};
use reqwest::Method;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A scrape: the value of each series, by its name and labels as they are written.
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    async fn of(broker: &TestBroker) -> Self {
        let reply = raw::ask(broker, "GET /metrics", &[], b"").await;
        assert_eq!(reply.status, 200);
        let lines = reply.body.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut series = BTreeMap::new();
        for line in lines {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            let value = value.parse().expect("a number");
            assert!(series.insert(name.to_owned(), value).is_none(), "twice: {line}");
        }
        Self(series)
    }

    /// The value of a series; 0 where it is not there.
    fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found = self.find(name, labels);
        found.map_or(0.0, |(_, value)| *value)
    }

    fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<(&String, &f64)> {
        self.0.iter().find(|(series, _)| {
            let is_named = series.split('{').next() == Some(name);
            let has =
                |(label, value): &(&str, &str)| series.contains(&format!("{label}=\"{value}\""));
            is_named && labels.iter().all(has)
        })
    }

    /// The names of metrics, those of histograms without what Prometheus adds to them.
    fn families(&self) -> BTreeSet<&str> {
        let family = |series: &'_ String| {
            let name = ALL.iter().map(|known| known.name).find(|name| {
                let rest = series.strip_prefix(name);
                let part = rest.map(|rest| rest.split('{').next().unwrap_or_default());
                matches!(part, Some("" | "_bucket" | "_sum" | "_count"))
            });
            name.unwrap_or_else(|| panic!("{series} is in no table"))
        };
        // Prometheus' own names of what a process takes are described elsewhere.
        self.0.keys().filter(|series| !series.starts_with("process_")).map(family).collect()
    }
}

async fn broker_with(limits: Limits) -> TestBroker {
    TestBroker::with(Setup { limits, ..Setup::default() }).await
}

#[tokio::test]
async fn what_is_held_and_bought_is_seen_per_organisation_and_type() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 1, 2).await;
    for user in ["a", "b"] {
        operator.add_user(129, user, "inbound_agent", &[]).await;
    }
    let (_a, _) = broker.login(129, "a", "agent_desktop").await;
    let (_b, _) = broker.login(129, "b", "agent_desktop").await;
    let of = [("organisation", "129"), ("licence", "inbound_agent")];
    let scrape = until_seen("both holders", async || {
        let scrape = Scrape::of(&broker).await;
        (scrape.get(telemetry::HOLDERS, &of) == 2.0).then_some(scrape)
    })
    .await;
    for (name, value) in [
        (telemetry::CONCURRENT_BOUGHT, 1.0),
        (telemetry::CONTINGENCY_BOUGHT, 2.0),
        (telemetry::CONTINGENCY_USED, 1.0),
        (telemetry::CONTINGENCY_MAXIMUM, 1.0),
        (telemetry::OVER_ALLOCATED, 0.0),
        (telemetry::WAITING, 0.0),
    ] {
        let series = scrape.find(name, &of).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(*series.1, value, "{name}");
    }
    let bare = [("organisation", "129"), ("licence", "deskphone_only")];
    assert!(scrape.find(telemetry::HOLDERS, &bare).is_none(), "nobody bought or holds it");
    for (state, organisations) in [("contingency", 1.0), ("exhausted", 0.0)] {
        let of = [("licence", "inbound_agent"), ("state", state)];
        assert_eq!(scrape.get(telemetry::SHORT, &of), organisations, "{state}");
    }
    assert_eq!(scrape.get(telemetry::ORGANISATIONS, &[("state", "loaded")]), 1.0);
    assert_eq!(scrape.get(telemetry::READY, &[]), 1.0);
    assert_eq!(scrape.get(telemetry::STORE_REFUSING, &[]), 0.0);
    assert!(scrape.get(telemetry::STORE_DURABLE, &[]) > 1e9);
}

/// The counters are the process's, and other tests run in it: they rise at least so much.
#[tokio::test]
async fn what_happens_is_counted_from_login_to_close() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 1, 0).await;
    operator.add_user(129, "a", "inbound_agent", &[]).await;
    operator.add_user(129, "b", "inbound_agent", &[]).await;
    let before = Scrape::of(&broker).await;
    let (socket, _) = broker.login(129, "a", "agent_desktop").await;
    let (_refused, _) = broker.login(129, "b", "agent_desktop").await;
    socket.log_out().await;
    let mut lost = broker.connect(129, "session").await;
    let token = broker.token(Role::Device, 129, "a");
    let resume = json!({"type": "resume", "token": token, "session": "01J00000000000000000000000",
        "resume_token": "never given"});
    lost.send(resume).await;
    assert_eq!(lost.closed().await.0, 4508);
    let after = Scrape::of(&broker).await;
    let seconds = format!("{}_count", telemetry::LICENCE_SECONDS);
    let events = format!("{}_sum", telemetry::COMMIT_EVENTS);
    for (name, labels) in [
        (seconds.as_str(), &[("outcome", "granted")] as &[_]),
        (seconds.as_str(), &[("outcome", "refused")]),
        (events.as_str(), &[]),
        (telemetry::DECISIONS, &[]),
        (telemetry::CLOSES, &[("code", "1000"), ("reason", "normal")]),
        (telemetry::CLOSES, &[("code", "4010"), ("reason", "seat_exhausted")]),
        (telemetry::RESUMES, &[("outcome", "unknown_session")]),
        (
            telemetry::HTTP_REQUESTS,
            &[("method", "GET"), ("path", "/v1/organisations/{org}/session"), ("status", "101")],
        ),
    ] {
        let (before, after) = (before.get(name, labels), after.get(name, labels));
        assert!(after >= before + 1.0, "{name} {labels:?}: {before} to {after}");
    }
    assert!(after.get(telemetry::RELOADS, &[("cause", "start")]) >= 1.0);
    let names = after.families();
    for series in [telemetry::SESSIONS, telemetry::BUILD_INFO, telemetry::MAILBOX_MAX] {
        assert!(names.contains(series), "{series}");
    }
}

#[tokio::test]
async fn however_many_organisations_there_are_few_have_series_of_their_own() {
    let limits = Limits { metrics_organisations_max: 2, ..Limits::default() };
    let broker = broker_with(limits).await;
    let operator = broker.operator();
    for organisation in [11, 12, 13, 14] {
        operator.create_organisation(organisation).await;
        operator.buy(organisation, "inbound_agent", 3, 0).await;
    }
    let of = |organisation| [("organisation", organisation), ("licence", "inbound_agent")];
    let scrape = until_seen("all of them", async || {
        let scrape = Scrape::of(&broker).await;
        (scrape.get(telemetry::CONCURRENT_BOUGHT, &of("other")) == 6.0).then_some(scrape)
    })
    .await;
    for organisation in ["11", "12"] {
        assert_eq!(scrape.get(telemetry::CONCURRENT_BOUGHT, &of(organisation)), 3.0);
    }
    for organisation in ["13", "14"] {
        assert!(scrape.find(telemetry::CONCURRENT_BOUGHT, &of(organisation)).is_none());
    }
    operator.request(Method::DELETE, "/v1/organisations/11").send().await.unwrap();
    let scrape = Scrape::of(&broker).await;
    assert!(scrape.find(telemetry::HOLDERS, &of("11")).is_none(), "what is gone has no series");
    assert_eq!(scrape.get(telemetry::CONCURRENT_BOUGHT, &of("13")), 3.0, "the next one has");
}

#[tokio::test]
async fn nothing_that_a_client_sends_makes_a_series() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 1, 0).await;
    operator.add_user(129, "hostile\"}{", "inbound_agent", &[]).await;
    let token = broker.token(Role::Device, 129, "hostile\"}{");
    let mut socket = broker.connect(129, "session").await;
    let channels = ["hostile-channel", "hostile\" 1\nlicence_broker_hostile 1"];
    let login =
        json!({"type": "login", "token": token, "device": "agent_desktop", "channels": channels});
    let answer = socket.ask(login).await;
    assert_eq!(answer["type"], "logged_in", "{answer}");
    for line in ["GET /hostile-path", "HOSTILE /healthz", "GET /v1/organisations/666/users/hostile"]
    {
        assert!(raw::ask(&broker, line, &["x-request-id: hostile"], b"").await.status >= 400);
    }
    let page = raw::ask(&broker, "GET /metrics", &[], b"").await.body;
    assert!(!page.to_lowercase().contains("hostile"), "{page}");
    let scrape = Scrape::of(&broker).await;
    assert!(scrape.get(telemetry::HTTP_REQUESTS, &[("path", "none"), ("status", "404")]) >= 1.0);
    assert!(scrape.get(telemetry::HTTP_REQUESTS, &[("method", "other")]) >= 1.0);
    assert!(scrape.get(telemetry::DENIALS, &[("licence", "unknown")]) >= 1.0);
}

#[tokio::test]
async fn a_request_has_one_id_in_its_answer_and_in_its_problem() {
    let broker = TestBroker::start().await;
    for (given, is_kept) in [("abc-123", true), ("not well formed", false), ("", false)] {
        let header = format!("x-request-id: {given}");
        let reply = raw::ask(&broker, "GET /v1/organisations", &[header.as_str()], b"").await;
        assert_eq!(reply.problem(), "unauthorised");
        let told = reply.header("x-request-id").expect("an id").to_owned();
        assert_eq!(told == given, is_kept, "{given}: {told}");
        assert_eq!(reply.json()["request_id"], told.as_str());
    }
    let alive = raw::ask(&broker, "GET /healthz", &[], b"").await;
    assert_eq!(alive.header("x-request-id").map(str::len), Some(26), "made where none is given");
}
