//! What reading costs in an organisation of 5,000 agents that has a year behind it, and what logins cost
//! while it is read.
//!
//! `cargo bench --bench size -- --store FILE`. The year is made first, some four minutes and 8 GB; it stays
//! for the next run. Figures are medians; what they are held against is in docs/PERFORMANCE.md.

mod logins;
mod processor;
mod served;
mod statements;

#[path = "../../tests/support/broker.rs"]
#[allow(dead_code, unreachable_pub, reason = "a part of it is enough here")]
#[allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a benchmark fails by panicking")]
mod broker;
#[path = "../year/mod.rs"]
mod year;

use chrono_tz::Tz;
use clap::Parser;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Parser)]
struct Options {
    /// Named users of the organisation.
    #[arg(long, default_value_t = 5_000)]
    agents: u32,
    /// Days of its life.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(32..=365))]
    days: u32,
    /// Where the database is; made if it is not there.
    #[arg(long)]
    store: PathBuf,
    /// How long the export runs whose memory is watched.
    #[arg(long, default_value_t = 30)]
    export_s: u64,
    /// What `cargo bench` gives.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    // A month that the year has, and is over.
    let month = if options.days > 181 { "2025-06" } else { "2025-01" };
    let scale = year::Scale { agents: options.agents, days: options.days, seed: 1 };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name(processor::LOGIN_THREADS)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        if !options.store.exists() {
            let begun = Instant::now();
            year::write(&options.store, scale).await;
            println!("the year was made in {:.0?}", begun.elapsed());
        }
        statements::measure(&options.store);
        for zone in [Tz::UTC, Tz::Asia__Kolkata, year::ZONE] {
            served::move_to(&options.store, zone);
            let (broker, _) = served::start(&options.store).await;
            served::metrics(&broker, zone).await;
            broker.halt().await;
        }
        let (broker, store) = served::start(&options.store).await;
        served::catch_up(&*store).await;
        served::user_months(&broker, scale.agents, month).await;
        served::bills(&broker, month).await;
        for list in ["licence-usage", "organisation-licence-usage"] {
            served::export(&broker, list, Duration::from_secs(options.export_s)).await;
        }
        logins::measure(&broker, store).await;
        broker.halt().await;
    });
}

/// The median of durations.
fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[took.len() / 2]
}

fn report(what: &str, took: Vec<Duration>) {
    let shortest = took.iter().min().copied().unwrap_or_default();
    let longest = took.iter().max().copied().unwrap_or_default();
    let (times, median) = (took.len(), median(took));
    println!("{what}: median {median:.1?} of {times}, from {shortest:.1?} to {longest:.1?}");
}

/// The database, beside the store.
fn open(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).expect("the file opens")
}
