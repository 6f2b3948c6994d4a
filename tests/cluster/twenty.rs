//! Twenty losses of a node, for the distribution of how long newcomers wait (docs/SCALE.md).

use crate::cluster::Cluster;
use crate::newcomers::{served_after, tell};
use crate::shift::Shift;

const LOSSES: usize = 20;
const ORGANISATIONS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; prints figures"]
async fn twenty_losses_are_measured() {
    let Some(mut cluster) = Cluster::three().await else { return };
    let shift = Shift::begin(&cluster, ORGANISATIONS, 41).await;
    let (mut all, mut worst) = (Vec::new(), Vec::new());
    for number in 1..=LOSSES {
        let (node, lost) = cluster.busiest(&shift.organisations).await;
        cluster.nodes[node].kill();
        let lost_at = shift.lose(&lost);
        let served = served_after(lost_at, &shift.floor, &lost).await;
        tell(&format!("loss {number}, of {} organisations", lost.len()), &served);
        worst.extend(served.iter().max().copied());
        all.extend(served);
        cluster.nodes[node].start().await;
        shift.work().await;
    }
    tell("a loss, each newcomer", &all);
    tell("a loss, the last newcomer of each", &worst);
    worst.sort_unstable();
    eprintln!("the last newcomer of each loss: {worst:.2?}");
    shift.end(&cluster).await;
}
