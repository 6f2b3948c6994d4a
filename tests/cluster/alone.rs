//! One broker and a file: what several nodes have to be like, and a proof of the devices and the auditor
//! wherever there is no PostgreSQL.

use crate::cluster::Cluster;
use crate::shift::Shift;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_and_auditor_agree_with_a_broker_by_itself() {
    let mut cluster = Cluster::alone().await;
    cluster.start().await;
    let shift = Shift::begin(&cluster, 3, 1).await;
    for _ in 0..3 {
        shift.work().await;
    }
    shift.end(&cluster).await;
}
