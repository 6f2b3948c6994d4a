//! What operators do: all nodes started anew one after the other, organisations moved, clocks that differ.

use crate::cluster::Cluster;
use crate::newcomers::{served_after, tell};
use crate::shift::Shift;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};

const ORGANISATIONS: u64 = 5;
/// How far the nodes' clocks are from the machine's, in seconds.
const CLOCKS_S: [i64; 3] = [240, -180, 0];
/// Records are dated by the clock that all nodes go by, as exactly.
const EXACT: TimeDelta = TimeDelta::seconds(5);
/// What is handed over in good order need not wait for a lease to end: newcomers are served within the 5 s of
/// any loss.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(5);
const MOVES: u64 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_restarted_one_after_the_other_cost_nobody_a_licence() {
    let Some(mut cluster) = Cluster::three().await else { return };
    let shift = Shift::begin(&cluster, ORGANISATIONS, 31).await;
    for node in 0..cluster.nodes.len() {
        let lost = cluster.owned(&shift.organisations).await.remove(&node).unwrap_or_default();
        let lost_at = Instant::now();
        let (status, served) = {
            let ended = cluster.nodes[node].terminate();
            tokio::join!(ended, served_after(lost_at, &shift.floor, &lost))
        };
        assert_eq!(status.code(), Some(0), "it drained");
        tell("SIGTERM", &served);
        assert!(served.iter().all(|took| *took < HANDED_OVER_WITHIN), "{served:?}");
        cluster.nodes[node].start().await;
        shift.work().await;
    }
    shift.end(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_whose_clocks_are_minutes_apart_keep_one_time() {
    let Some(mut cluster) = Cluster::three_stopped().await else { return };
    let began = Utc::now();
    for (node, apart_s) in cluster.nodes.iter_mut().zip(CLOCKS_S) {
        if !node.set_clock(began + TimeDelta::seconds(apart_s)) {
            return;
        }
    }
    cluster.start().await;
    let shift = Shift::begin(&cluster, ORGANISATIONS, 32).await;
    for (node, apart_s) in CLOCKS_S.into_iter().take(2).enumerate() {
        let lost = cluster.owned(&shift.organisations).await.remove(&node).unwrap_or_default();
        cluster.nodes[node].kill();
        let lost_at = shift.lose(&lost);
        tell("kill -9, clocks apart", &served_after(lost_at, &shift.floor, &lost).await);
        shift.work().await;
        cluster.nodes[node].start().await;
        // And somebody sets the clock of one that runs.
        let apart = TimeDelta::seconds(apart_s * -2);
        cluster.nodes[2].set_clock(Utc::now() + apart);
        shift.work().await;
    }
    let organisations = shift.organisations.clone();
    shift.end(&cluster).await;
    for organisation in organisations {
        let path = format!("/v1/organisations/{organisation}/licence-usage");
        for record in cluster.caller.all(&path).await {
            let at: DateTime<Utc> = record["logged_at"].as_str().unwrap().parse().unwrap();
            assert!(at >= began - EXACT && at <= Utc::now() + EXACT, "{record}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organisations_that_are_moved_under_load_lose_nothing() {
    let Some(cluster) = Cluster::three().await else { return };
    let shift = Shift::begin(&cluster, ORGANISATIONS, 33).await;
    let mut took = Vec::new();
    for round in 0..MOVES {
        let organisation = round % ORGANISATIONS + 1;
        let from = cluster.owner(organisation).await;
        let to = (from + 1) % cluster.nodes.len();
        let moved_at = Instant::now();
        let path = format!("/v1/organisations/{organisation}/move");
        let body = json!({ "node": cluster.nodes[to].name });
        let endpoint = cluster.caller.send(Method::POST, &path, &body).await;
        assert_eq!(endpoint["node"], cluster.nodes[to].name, "{endpoint}");
        assert_eq!(endpoint["url"], cluster.nodes[to].url(), "{endpoint}");
        let served = served_after(moved_at, &shift.floor, &[organisation]).await;
        assert!(served[0] < HANDED_OVER_WITHIN, "{served:?}");
        took.extend(served);
        shift.work_for(20).await;
    }
    tell("a move", &took);
    shift.end(&cluster).await;
}
