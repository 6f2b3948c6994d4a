//! Where requests, sockets and event streams go.

use crate::balancer::{Balancer, Kind};
use crate::nodes::{BOUGHT, NAMES, Nodes, ORGANISATIONS};
use crate::support::socket::PATIENCE;
use futures_util::StreamExt;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use std::collections::BTreeSet;
use tokio::time::timeout;

#[tokio::test]
async fn whatever_is_of_one_organisation_reaches_one_node_and_organisations_are_spread() {
    let nodes = Nodes::start().await;
    for kind in Kind::installed() {
        let balancer = Balancer::start(kind, &nodes.addresses).await;
        let map = nodes.map(&balancer).await;
        let used: BTreeSet<&str> = map.values().map(String::as_str).collect();
        assert_eq!(used, BTreeSet::from(NAMES), "{kind:?}: each node has some of {map:?}");
        for (organisation, node) in &map {
            assert_eq!(
                &nodes.answering(&balancer, *organisation).await,
                node,
                "{kind:?}: once more"
            );
            let licences = format!("/v1/organisations/{organisation}/licences?class=user_type");
            let (_, body) = nodes.get(&balancer, &licences).await;
            let rows = body["items"].as_array().unwrap();
            let row = rows.iter().find(|row| row["licence"] == "inbound_agent").unwrap();
            let more = row["concurrent"]["total"].as_u64().unwrap() - u64::from(BOUGHT);
            assert_eq!(NAMES[more as usize], node, "{kind:?}: another path of {organisation}");
            let path = format!("/v1/organisations/{organisation}/session");
            let socket = nodes.login(&balancer, &path, *organisation).await;
            assert_eq!(nodes.holding(*organisation).await, [node], "{kind:?}: a socket");
            socket.log_out().await;
        }
    }
}

#[tokio::test]
async fn the_path_of_a_node_leads_to_that_node_whatever_the_organisation() {
    let nodes = Nodes::start().await;
    for kind in Kind::installed() {
        let balancer = Balancer::start(kind, &nodes.addresses).await;
        for name in NAMES {
            let path = format!("/node/{name}/v1/organisations/1");
            let (status, body) = nodes.get(&balancer, &path).await;
            assert_eq!((status, &body["name"]), (StatusCode::OK, &name.into()), "{kind:?}");
            let socket = nodes.login(&balancer, &format!("{path}/session"), 1).await;
            assert_eq!(nodes.holding(1).await, [name], "{kind:?}: a socket");
            socket.log_out().await;
            let (status, _) = nodes.get(&balancer, &format!("/node/{name}/healthz")).await;
            assert_eq!(status, StatusCode::OK, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_path_and_its_query_arrive_as_they_were_sent() {
    let nodes = Nodes::start().await;
    for kind in Kind::installed() {
        let balancer = Balancer::start(kind, &nodes.addresses).await;
        let node = nodes.answering(&balancer, 1).await;
        for path in ["/v1/organisations/1/users/a%2Fb?x=%20", "/v1/organisations/1/users?limit=0"] {
            let operator = nodes.broker(&node).operator();
            let direct = without_number(operator.call(Method::GET, path, None).await);
            for prefix in [String::new(), format!("/node/{node}")] {
                let through = nodes.get(&balancer, &format!("{prefix}{path}")).await;
                assert_eq!(without_number(through), direct, "{kind:?}: {prefix}{path}");
            }
        }
    }
}

/// Each request has a number of its own.
fn without_number((status, mut body): (StatusCode, Value)) -> (StatusCode, Value) {
    body["request_id"] = Value::Null;
    (status, body)
}

#[tokio::test]
async fn live_counts_come_through_as_they_change() {
    let nodes = Nodes::start().await;
    for kind in Kind::installed() {
        let balancer = Balancer::start(kind, &nodes.addresses).await;
        let live = Client::new().get(balancer.url("/v1/organisations/1/live"));
        let answer = live.bearer_auth(&nodes.token).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream", "{kind:?}");
        let mut stream = answer.bytes_stream();
        let mut heard = String::new();
        let mut hears = async |what: &str| {
            let until_heard = async {
                while !heard.contains(what) {
                    let part = stream.next().await.expect("a stream that goes on").unwrap();
                    heard.push_str(&String::from_utf8_lossy(&part));
                }
            };
            let in_time = timeout(PATIENCE, until_heard).await;
            assert!(in_time.is_ok(), "{kind:?}: {what} is never heard");
        };
        hears("event: snapshot").await;
        let socket = nodes.login(&balancer, "/v1/organisations/1/session", 1).await;
        hears("event: counts").await;
        socket.log_out().await;
    }
}

#[tokio::test]
async fn a_node_that_died_is_passed_over_and_others_keep_what_they_have() {
    for kind in Kind::installed() {
        let mut nodes = Nodes::start().await;
        let balancer = Balancer::start(kind, &nodes.addresses).await;
        let before = nodes.map(&balancer).await;
        nodes.kill("b").await;
        for organisation in ORGANISATIONS {
            let node = nodes.answering(&balancer, organisation).await;
            let was = &before[&organisation];
            assert!(
                if was == "b" { node != "b" } else { &node == was },
                "{kind:?}: {was}, now {node}"
            );
            let path = format!("/v1/organisations/{organisation}/session");
            let socket = nodes.login(&balancer, &path, organisation).await;
            assert_eq!(nodes.holding(organisation).await, [node], "{kind:?}: a socket");
            socket.log_out().await;
        }
        let (status, _) = nodes.get(&balancer, "/node/b/v1/organisations/1").await;
        assert_eq!(status, StatusCode::OK, "{kind:?}: whoever is sent to it gets another's answer");
    }
}

#[tokio::test]
async fn the_metrics_of_nodes_are_not_for_clients() {
    let nodes = Nodes::start().await;
    for kind in Kind::installed() {
        let balancer = Balancer::start(kind, &nodes.addresses).await;
        for path in ["/metrics", "/node/a/metrics"] {
            let (status, _) = nodes.get(&balancer, path).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{kind:?}: {path}");
        }
        let (status, _) = nodes.get(&balancer, "/readyz").await;
        assert_eq!(status, StatusCode::OK, "{kind:?}: a path without an organisation");
    }
}
