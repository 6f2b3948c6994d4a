//! What a durable login costs by how many share a commit.

use super::centre::Centre;
use super::postgres::Server;
use super::threads::Used;
use std::time::Instant;

/// How many share a commit, and how many commits are measured.
const SIZES: [(usize, u32); 5] = [(1, 2_000), (10, 1_000), (100, 200), (300, 100), (1_000, 30)];

/// In a file.
pub(super) async fn measure() {
    println!("logins a commit | logins/s | processor time of this process for each | commits/s");
    for (logins, commits) in SIZES {
        run(Centre::create(users(logins, commits)).await, logins, commits).await;
    }
}

/// In a file, then in a server beside it: its own time is no part of what is shown.
pub(super) async fn beside_postgres() {
    let Some(server) = Server::shared() else { return };
    println!("in a file:");
    measure().await;
    println!("in PostgreSQL:");
    for (logins, commits) in SIZES {
        let before = server.processor_time();
        run(Centre::create_in(server, users(logins, commits)).await, logins, commits).await;
        let used = server.processor_time().saturating_sub(before).as_secs_f64() * 1e6;
        let each = used / f64::from(users(logins, commits));
        println!("      and {each:.0} µs of the server for each, with making the users");
    }
}

fn users(logins: usize, commits: u32) -> u32 {
    u32::try_from(logins).expect("few") * commits
}

async fn run(mut centre: Centre, logins: usize, commits: u32) {
    let all = users(logins, commits);
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
