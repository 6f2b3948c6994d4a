//! A node is lost: killed, frozen, or cut off from the database.

use crate::cluster::{Cluster, LEASE};
use crate::line::Flow;
use crate::newcomers::{SERVED_WITHIN, served_after, tell};
use crate::shift::Shift;
use crate::support::eventually::eventually;
use crate::witness::Witness;
use chrono::Utc;
use std::time::{Duration, Instant};

const ORGANISATIONS: u64 = 5;
/// What a busy machine may add to the time in which devices are told.
const NOISE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_is_killed_under_load_costs_nobody_a_licence() {
    let Some(mut cluster) = Cluster::three().await else { return };
    let shift = Shift::begin(&cluster, ORGANISATIONS, 11).await;
    for _ in 0..2 {
        let (node, lost) = cluster.busiest(&shift.organisations).await;
        cluster.nodes[node].kill();
        let lost_at = shift.lose(&lost);
        tell("kill -9", &served_after(lost_at, &shift.floor, &lost).await);
        shift.work().await;
        cluster.nodes[node].start().await;
        shift.work().await;
    }
    shift.end(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_and_started_at_once_costs_nobody_a_licence() {
    let Some(mut cluster) = Cluster::three().await else { return };
    let shift = Shift::begin(&cluster, ORGANISATIONS, 12).await;
    for _ in 0..2 {
        let (node, lost) = cluster.busiest(&shift.organisations).await;
        cluster.nodes[node].kill();
        let lost_at = shift.lose(&lost);
        cluster.nodes[node].spawn();
        tell("kill -9 and a start", &served_after(lost_at, &shift.floor, &lost).await);
        cluster.nodes[node].until_ready().await;
        shift.work().await;
    }
    shift.end(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_was_frozen_beyond_its_lease_grants_and_writes_nothing_when_it_wakes() {
    let Some(cluster) = Cluster::three().await else { return };
    let shift = Shift::begin(&cluster, ORGANISATIONS, 13).await;
    for wakes_after_all in [true, false] {
        let (node, lost) = cluster.busiest(&shift.organisations).await;
        let mut witness = Witness::log_in(&shift.floor, cluster.nodes[node].address, lost[0]).await;
        cluster.nodes[node].freeze().await;
        let lost_at = shift.lose(&lost);
        witness.ask().await;
        // Awake again while its successors have just begun, or once all are served by them.
        let first = if wakes_after_all { &lost[..] } else { &lost[..1] };
        let mut served = served_after(lost_at, &shift.floor, first).await;
        cluster.nodes[node].thaw();
        witness.assert_sent_away().await;
        served.extend(served_after(lost_at, &shift.floor, &lost[first.len()..]).await);
        tell("SIGSTOP", &served);
        shift.work().await;
    }
    shift.end(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_from_the_database_sends_its_devices_away_before_its_lease_ends() {
    let Some(mut cluster) = Cluster::three().await else { return };
    let shift = Shift::begin(&cluster, ORGANISATIONS, 14).await;
    for flow in [Flow::Cut, Flow::Stalled, Flow::AnswersLost] {
        let (node, lost) = cluster.busiest(&shift.organisations).await;
        let address = cluster.nodes[node].address;
        cluster.nodes[node].line().set(flow);
        let lost_at = shift.lose(&lost);
        tell(&format!("{flow:?}"), &served_after(lost_at, &shift.floor, &lost).await);
        let told = shift.told_by(address, lost_at);
        assert!(!told.is_empty(), "nobody was told");
        for close in &told {
            assert!(matches!(close.code, 4002 | 4003), "{close:?}");
            let took = close.at - lost_at;
            assert!(took < LEASE + NOISE, "told {took:?} after the cut: {close:?}");
        }
        shift.work().await;
        // What it sent while it was cut off arrives now, and must be refused.
        cluster.nodes[node].line().heal();
        cluster.nodes[node].until_ready().await;
        shift.work().await;
    }
    shift.end(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_three_nodes_lost_together_leave_everything_to_the_third() {
    let Some(mut cluster) = Cluster::three().await else { return };
    let shift = Shift::begin(&cluster, ORGANISATIONS, 15).await;
    let owned = cluster.owned(&shift.organisations).await;
    let lost: Vec<u64> =
        [0, 1].iter().flat_map(|node| owned.get(node)).flatten().copied().collect();
    for node in [0, 1] {
        cluster.nodes[node].kill();
    }
    let lost_at = shift.lose(&lost);
    tell("the loss of two", &served_after(lost_at, &shift.floor, &lost).await);
    eventually(SERVED_WITHIN, "everything at the third node", async || {
        cluster.owned(&shift.organisations).await.keys().eq(&[2])
    })
    .await;
    shift.work().await;
    cluster.start().await;
    shift.work().await;
    shift.end(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_that_is_killed_while_it_takes_over_costs_nobody_a_licence() {
    let Some(mut cluster) = Cluster::three().await else { return };
    let shift = Shift::begin(&cluster, ORGANISATIONS, 16).await;
    let (first, lost) = cluster.busiest(&shift.organisations).await;
    cluster.nodes[first].kill();
    let mut lost_at = shift.lose(&lost);
    tell("kill -9", &served_after(lost_at, &shift.floor, &lost[..1]).await);
    // What else it took over by then nobody has asked about.
    let second = cluster.owner(lost[0]).await;
    let lost = cluster.owned(&shift.organisations).await.remove(&second).expect("one at least");
    cluster.nodes[second].kill();
    lost_at = shift.lose(&lost);
    tell("kill -9 of its successor", &served_after(lost_at, &shift.floor, &lost).await);
    cluster.start().await;
    shift.work().await;
    shift.end(&cluster).await;
}

impl Shift {
    /// The node of these organisations was lost just now.
    pub(crate) fn lose(&self, organisations: &[u64]) -> Instant {
        let lost_at = Instant::now();
        self.floor.auditor.node_lost(organisations, Utc::now());
        lost_at
    }
}
