//! The database is lost, or its connections are.

use crate::cluster::Cluster;
use crate::line::Flow;
use crate::newcomers::{SERVED_WITHIN, served_after, tell};
use crate::shift::Shift;
use crate::support::eventually::eventually;
use crate::support::postgres::administer;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::time::Instant;

const ORGANISATIONS: u64 = 5;
/// How often connections are cut in one run.
const CUTS: usize = 24;
/// Devices work for so many grants between two cuts.
const BETWEEN: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_restarted_at_once_costs_nobody_a_licence() {
    let Some(cluster) = Cluster::three().await else { return };
    let shift = Shift::begin(&cluster, ORGANISATIONS, 21).await;
    for _ in 0..2 {
        let lost_at = Instant::now();
        tokio::task::block_in_place(|| {
            cluster.database().kill();
            cluster.database().start_again();
        });
        let served = served_after(lost_at, &shift.floor, &shift.organisations).await;
        tell("a restart of the database", &served);
        shift.work().await;
    }
    shift.end(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_nobody_reaches_for_longer_than_a_lease_costs_nobody_a_licence() {
    let Some(cluster) = Cluster::three().await else { return };
    let shift = Shift::begin(&cluster, ORGANISATIONS, 23).await;
    let owned = cluster.owned(&shift.organisations).await;
    for node in &cluster.nodes {
        node.line().set(Flow::Stalled);
    }
    let lost_at = Instant::now();
    for node in owned.keys().map(|node| &cluster.nodes[*node]) {
        eventually(SERVED_WITHIN, "devices that are told", async || {
            !shift.told_by(node.address, lost_at).is_empty()
        })
        .await;
    }
    let back_at = Instant::now();
    for node in &cluster.nodes {
        node.line().heal();
    }
    let served = served_after(back_at, &shift.floor, &shift.organisations).await;
    tell("the database's return", &served);
    shift.work().await;
    shift.end(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_in_the_middle_of_commits_lose_and_double_nothing() {
    let Some(cluster) = Cluster::three().await else { return };
    let shift = Shift::begin(&cluster, ORGANISATIONS, 22).await;
    let mut rng = StdRng::seed_from_u64(22);
    for _ in 0..CUTS {
        let node = cluster.nodes.choose(&mut rng).unwrap();
        match rng.random_range(0..3) {
            0 => node.line().snap(),
            1 => {
                // Whatever is committed just now is, and its node does not hear of it.
                node.line().lose_an_answer().await;
                node.line().heal();
            }
            _ => terminate_backends(&cluster).await,
        }
        shift.work_for(BETWEEN).await;
    }
    shift.end(&cluster).await;
}

/// Ends every connection to the nodes' database, in whatever they are at.
async fn terminate_backends(cluster: &Cluster) {
    let text = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    administer(&cluster.database().url("postgres"), text).await.unwrap();
}
