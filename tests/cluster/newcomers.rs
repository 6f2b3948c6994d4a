//! How long whoever comes new has to wait once a node is lost.

use crate::device::Device;
use crate::floor::Floor;
use futures_util::future::join_all;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// Wide: the contract's 5 s are measured and printed, on a machine that others use too.
pub(crate) const SERVED_WITHIN: Duration = Duration::from_secs(20);

/// One of each organisation tries until it is in, and leaves. How long that took since `lost_at`.
///
/// # Panics
/// If one is not served in a long time.
pub(crate) async fn served_after(
    lost_at: Instant,
    floor: &Floor,
    organisations: &[u64],
) -> Vec<Duration> {
    join_all(organisations.iter().map(|organisation| one(lost_at, floor, *organisation))).await
}

async fn one(lost_at: Instant, floor: &Floor, organisation: u64) -> Duration {
    let mut newcomer = Device::newcomer(floor, organisation, 0);
    let trying = async {
        loop {
            match newcomer.arrive().await {
                Ok(connected) => return connected,
                Err(away) => sleep(newcomer.back_off(&away)).await,
            }
        }
    };
    let came = timeout(SERVED_WITHIN, trying).await;
    let took = lost_at.elapsed();
    let connected = came.unwrap_or_else(|_| panic!("nobody serves organisation {organisation}"));
    newcomer.leave(connected).await;
    took
}

/// One line of the report: least, middle, most.
pub(crate) fn tell(what: &str, took: &[Duration]) {
    let mut took: Vec<Duration> = took.to_vec();
    took.sort_unstable();
    let (Some(least), Some(most)) = (took.first(), took.last()) else {
        eprintln!("SERVED AGAIN after {what}: it had no organisation");
        return;
    };
    let middle = took[took.len() / 2];
    eprintln!("SERVED AGAIN after {what}: {least:.1?} to {most:.1?}, median {middle:.1?}");
}
