//! For whoever keeps the broker running: alive, ready, and the series of Prometheus.

use crate::raw;
use crate::support::broker::TestBroker;
use licence_broker::telemetry;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_broker_that_serves_is_alive_and_ready_to_anybody() {
    let broker = TestBroker::start().await;
    for (path, status) in [("/healthz", "alive"), ("/readyz", "ready")] {
        for headers in [&[] as &[&str], &["authorization: Bearer garbage"]] {
            let reply = raw::ask(&broker, &format!("GET {path}"), headers, b"").await;
            assert_eq!((reply.status, reply.json()), (200, json!({"status": status})));
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        }
    }
}

#[tokio::test]
async fn whatever_can_be_read_can_be_asked_for_without_its_body() {
    let broker = TestBroker::start().await;
    broker.operator().create_organisation(129).await;
    let admin = broker.operator();
    let ask = async |path: &str| {
        let response = admin.request(Method::HEAD, path).send().await.unwrap();
        let length = response.headers().get("content-length").cloned();
        assert_eq!(response.text().await.unwrap(), "", "{path}");
        length
    };
    for path in ["/healthz", "/readyz", "/v1/organisations/129", "/v1/organisations/129/users"] {
        let whole = admin.request(Method::GET, path).send().await.unwrap();
        assert_eq!(ask(path).await.as_ref(), whole.headers().get("content-length"), "{path}");
    }
    let stranger = broker.api("garbage").request(Method::HEAD, "/v1/organisations/129/users");
    assert_eq!(stranger.send().await.unwrap().status(), 401);
}

/// The value of a series; 0 where it is not there yet.
async fn value(broker: &TestBroker, series: &str) -> f64 {
    let reply = raw::ask(broker, "GET /metrics", &[], b"").await;
    assert_eq!(reply.status, 200);
    let media_type = reply.header("content-type").unwrap_or_default().to_owned();
    assert!(media_type.starts_with("text/plain; version=0.0.4"), "{media_type}");
    let line = reply.body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

/// The series are those of the process, and other tests run in it: they rise at least so much.
#[tokio::test]
async fn the_series_are_there_and_rise_with_what_happens() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "switchboard_operator", 1, 0).await;
    operator.add_user(129, "a", "switchboard_operator", &["recording"]).await;
    operator.add_user(129, "b", "switchboard_operator", &[]).await;
    let grants =
        format!(r#"{}{{licence="switchboard_operator",pool="concurrent"}}"#, telemetry::GRANTS);
    let releases =
        format!(r#"{}{{licence="switchboard_operator",reason="logout"}}"#, telemetry::RELEASES);
    let denials =
        format!(r#"{}{{licence="recording",reason="not_purchased"}}"#, telemetry::DENIALS);
    let partial = format!(r#"{}{{outcome="partial"}}"#, telemetry::LOGINS);
    let refused = format!(r#"{}{{outcome="seat_exhausted"}}"#, telemetry::LOGINS);
    let commits = format!("{}_count", telemetry::COMMIT_SECONDS);
    let batches = format!("{}_count", telemetry::COMMIT_BATCHES);
    let series = [grants, releases, denials, partial, refused, commits, batches];
    let mut before = Vec::new();
    for name in &series {
        before.push(value(&broker, name).await);
    }
    let (socket, _) = broker.login(129, "a", "switchboard").await;
    let (_refused, _) = broker.login(129, "b", "switchboard").await;
    socket.log_out().await;
    for (name, before) in series.iter().zip(before) {
        let after = value(&broker, name).await;
        assert!(after >= before + 1.0, "{name}: {before} to {after}");
    }
}

#[tokio::test]
async fn sessions_that_are_connected_are_a_gauge() {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    operator.create_organisation(129).await;
    operator.buy(129, "inbound_agent", 1, 0).await;
    operator.add_user(129, "a", "inbound_agent", &[]).await;
    let (_socket, _) = broker.login(129, "a", "agent_desktop").await;
    let reply = raw::ask(&broker, "GET /metrics", &[], b"").await;
    let line = reply.body.lines().find(|line| line.starts_with(telemetry::SESSIONS));
    assert!(line.is_some(), "no {} in {}", telemetry::SESSIONS, reply.body);
}
