//! One broker and a file: what several nodes have to be like, and a proof of the devices and the auditor
//! wherever there is no PostgreSQL.

use crate::cluster::Cluster;
use crate::shift::Shift;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_by_itself_that_is_killed_and_started_again_keeps_what_devices_were_told() {
    let mut cluster = Cluster::alone().await;
    cluster.start().await;
    let shift = Shift::begin(&cluster, 3, 1).await;
    for _ in 0..2 {
        cluster.nodes[0].kill();
        cluster.nodes[0].start().await;
        shift.work().await;
    }
    shift.end(&cluster).await;
}
