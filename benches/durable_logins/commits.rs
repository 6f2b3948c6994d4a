//! What a durable login costs by how many share a commit.

use super::centre::Centre;
use super::threads::Used;
use std::time::Instant;

/// How many share a commit, and how many commits are measured.
const SIZES: [(usize, u32); 5] = [(1, 2_000), (10, 1_000), (100, 200), (300, 100), (1_000, 30)];

pub(super) async fn measure() {
    println!("logins a commit | logins/s | processor time of the store for each | commits/s");
    for (logins, commits) in SIZES {
        let all = u32::try_from(logins).expect("few") * commits;
        let mut centre = Centre::create(all).await;
        let batches: Vec<_> = (0..commits).map(|_| centre.decide(logins)).collect();
        let (begun, before) = (Instant::now(), Used::now());
        for events in batches {
            centre.commit(events).await;
        }
        let (took, used) = (begun.elapsed(), Used::now());
        println!(
            "{logins:>5} | {:>6.0} | {:>5.1} µs | {:>4.0}",
            f64::from(all) / took.as_secs_f64(),
            used.total_since(&before, "").as_secs_f64() * 1e6 / f64::from(all),
            f64::from(commits) / took.as_secs_f64(),
        );
    }
}
