//! Whatever befalls nodes, one thing after the other, at moments of chance.
//!
//! `CLUSTER_SEED` repeats the choices of a seed, `CLUSTER_ROUNDS` makes it last longer.

use crate::cluster::Cluster;
use crate::line::Flow;
use crate::shift::Shift;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::json;

const ORGANISATIONS: u64 = 5;
const ROUNDS: u64 = 6;
/// While something is wrong devices work for so many grants, at most.
const GRANTS_MEANWHILE: usize = 60;

/// What befalls one node.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// SIGKILL; it is started again later.
    Kill,
    /// SIGKILL, and started at once.
    Crash,
    /// SIGSTOP, however long.
    Freeze,
    /// Its line to the database.
    Line(Flow),
    /// The connections that it has to the database.
    Snap,
    /// SIGTERM; it is started again later.
    Terminate,
    /// An operator gives an organisation to it.
    Move,
    /// Nothing at all.
    Peace,
}

const BLOWS: [Blow; 10] = [
    Blow::Kill,
    Blow::Crash,
    Blow::Freeze,
    Blow::Freeze,
    Blow::Line(Flow::Cut),
    Blow::Line(Flow::Stalled),
    Blow::Line(Flow::AnswersLost),
    Blow::Snap,
    Blow::Terminate,
    Blow::Move,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_befalls_two_of_three_nodes_costs_nobody_a_licence() {
    let seed = of_environment("CLUSTER_SEED").unwrap_or_else(|| rand::random_range(0..100_000));
    let rounds = of_environment("CLUSTER_ROUNDS").unwrap_or(ROUNDS);
    let Some(mut cluster) = Cluster::three().await else { return };
    eprintln!("CLUSTER_SEED={seed} CLUSTER_ROUNDS={rounds}");
    let shift = Shift::begin(&cluster, ORGANISATIONS, seed).await;
    let mut rng = StdRng::seed_from_u64(seed);
    for round in 0..rounds {
        // The third is well, so that there is somebody to go to.
        let well = rng.random_range(0..cluster.nodes.len());
        let mut blows = Vec::new();
        for node in (0..cluster.nodes.len()).filter(|node| *node != well) {
            let chosen = *BLOWS.choose(&mut rng).unwrap();
            let blow = if rng.random_bool(0.3) { Blow::Peace } else { chosen };
            deal(&mut cluster, &shift, node, blow, &mut rng).await;
            blows.push((node, blow));
            shift.work_for(rng.random_range(1..GRANTS_MEANWHILE)).await;
        }
        eprintln!("round {round}: {blows:?}");
        for (node, blow) in blows {
            mend(&mut cluster, node, blow);
            shift.work_for(rng.random_range(1..GRANTS_MEANWHILE)).await;
        }
        cluster.start().await;
    }
    shift.work().await;
    shift.end(&cluster).await;
}

fn of_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

async fn deal(cluster: &mut Cluster, shift: &Shift, node: usize, blow: Blow, rng: &mut StdRng) {
    match blow {
        Blow::Kill => cluster.nodes[node].kill(),
        Blow::Crash => {
            cluster.nodes[node].kill();
            cluster.nodes[node].spawn();
        }
        Blow::Freeze => cluster.nodes[node].freeze().await,
        Blow::Line(flow) => cluster.nodes[node].line().set(flow),
        Blow::Snap => cluster.nodes[node].line().snap(),
        Blow::Terminate => {
            let status = cluster.nodes[node].terminate().await;
            assert_eq!(status.code(), Some(0), "it drained");
        }
        Blow::Move => {
            let organisation = shift.organisations.choose(rng).unwrap();
            let path = format!("/v1/organisations/{organisation}/move");
            let body = json!({ "node": cluster.nodes[node].name }).to_string();
            // Whoever owns it may be lost.
            let _ = cluster.caller.ask_once(&Method::POST, &path, Some(&body)).await;
        }
        Blow::Peace => {}
    }
}

/// Nodes that ended are started at the end of the round.
fn mend(cluster: &mut Cluster, node: usize, blow: Blow) {
    match blow {
        Blow::Freeze => cluster.nodes[node].thaw(),
        Blow::Line(_) => cluster.nodes[node].line().heal(),
        Blow::Kill | Blow::Crash | Blow::Snap | Blow::Terminate | Blow::Move | Blow::Peace => {}
    }
}
