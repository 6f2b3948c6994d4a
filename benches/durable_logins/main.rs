//! How many logins a second become durable, without sockets: a seat and two channels each.
//!
//! ```text
//! cargo bench --bench durable_logins              # everything
//! cargo bench --bench durable_logins -- store     # decided, then committed 300 at a time
//! cargo bench --bench durable_logins -- commits   # by how many share a commit
//! cargo bench --bench durable_logins -- postgres  # the same, PostgreSQL beside SQLite
//! cargo bench --bench durable_logins -- actor     # through the organisation's actor and the journal
//! ```
//!
//! Processor time is what to compare: wall time on a shared machine is anybody's.

mod centre;
mod commits;
#[path = "../../tests/support/postgres.rs"]
#[allow(dead_code, unreachable_pub, reason = "tests use the rest of it")]
mod postgres;
mod threads;
mod through_actor;

use centre::Centre;
use licence_broker::store::sqlite::memory_used;
use std::time::{Duration, Instant};
use threads::Used;

const LOGINS: u32 = 60_000;
const LOGINS_PER_COMMIT: usize = 300;

fn main() {
    let parts: Vec<String> = std::env::args().skip(1).filter(|part| part != "--bench").collect();
    let is_wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    actix::System::new().block_on(async {
        if is_wanted("store") {
            store().await;
        }
        if is_wanted("commits") {
            commits::measure().await;
        }
        if is_wanted("postgres") {
            commits::beside_postgres().await;
        }
        if is_wanted("actor") {
            through_actor::measure().await;
        }
    });
}

/// The rules decide, the store commits, and what it left for later is done.
async fn store() {
    let mut centre = Centre::create(LOGINS).await;
    let commits = LOGINS as usize / LOGINS_PER_COMMIT;
    let decided = Instant::now();
    let batches: Vec<_> = (0..commits).map(|_| centre.decide(LOGINS_PER_COMMIT)).collect();
    report("decided", decided.elapsed());
    let (begun, before) = (Instant::now(), Used::now());
    for events in batches {
        centre.commit(events).await;
    }
    report("durable", begun.elapsed());
    let per_login = |used: Duration| used.as_secs_f64() * 1e6 / f64::from(LOGINS);
    let used = per_login(Used::now().total_since(&before, ""));
    println!("{used:.1} µs of processor time for each durable login");
    let database = centre.folder.path().join("bench.db");
    println!(
        "{} bytes of database for each",
        database.metadata().map_or(0, |file| file.len()) / u64::from(LOGINS)
    );
    println!("{} KiB of memory that SQLite has", memory_used() / 1_024);
    let before = Used::now();
    while centre.store.upkeep().await.expect("kept up") {}
    let used = per_login(Used::now().total_since(&before, ""));
    println!("{used:.1} µs of processor time later, for the index of its records by user");
    let begun = Instant::now();
    let loaded = centre.store.load(centre::id()).await.expect("read").expect("there");
    let found = loaded.snapshot.sessions.len();
    println!("{found} open sessions loaded in {:?}", begun.elapsed());
}

fn report(what: &str, took: Duration) {
    println!("{:.0} logins/s {what}", f64::from(LOGINS) / took.as_secs_f64());
}
