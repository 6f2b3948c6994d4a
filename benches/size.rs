//! What reading costs in an organisation of 5,000 agents that has a year behind it.
//!
//! `cargo bench --bench size`. The year is made first and takes some minutes and 8 GB beside the build;
//! `--store` says where, and keeps it for the next run.

#[path = "year/mod.rs"]
mod year;

use clap::Parser;
use licence_broker::catalogue_file;
use licence_broker::domain::ids::OrganisationId;
use licence_broker::store::sqlite::SqliteStore;
use licence_broker::store::{Page, Range, Store, UsageFilter};
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Parser)]
struct Options {
    /// Named users of the organisation.
    #[arg(long, default_value_t = 5_000)]
    agents: u32,
    /// Days of its life.
    #[arg(long, default_value_t = 365)]
    days: u32,
    /// Where the database is; made if it is not there.
    #[arg(long)]
    store: PathBuf,
    /// What `cargo bench` gives.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(run(options));
}

async fn run(options: Options) {
    if !options.store.exists() {
        let begun = Instant::now();
        let scale = year::Scale { agents: options.agents, days: options.days, seed: 1 };
        year::write(&options.store, scale).await;
        println!("made in {:?}", begun.elapsed());
    }
    let url = options.store.display().to_string();
    let store = SqliteStore::open(&url, catalogue_file::built_in()).await.expect("a store");
    let organisation = OrganisationId::new(year::ORGANISATION).expect("a number");
    let range = Range {
        from: Some("2025-06-01T00:00:00Z".parse().expect("an instant")),
        to: Some("2025-07-01T00:00:00Z".parse().expect("an instant")),
    };
    for agent in [1, 7, 100, 900] {
        let filter =
            UsageFilter { range, user: Some(year::name_of(agent)), ..UsageFilter::default() };
        let begun = Instant::now();
        let rows = store.usage_page(organisation, &filter, Page { after: 0, limit: 1_001 }).await;
        println!("month of {agent}: {} rows in {:?}", rows.expect("a page").len(), begun.elapsed());
    }
    for limit in [1_000, 10_000] {
        let (begun, mut rows, mut after) = (Instant::now(), 0, 0);
        while begun.elapsed() < Duration::from_secs(10) {
            let page = Page { after, limit };
            let page = store.usage_page(organisation, &UsageFilter::default(), page).await;
            let page = page.expect("a page");
            let Some(last) = page.last() else { break };
            after = last.cursor;
            rows += page.len();
        }
        println!("{:.0} rows/s by pages of {limit}", rows as f64 / begun.elapsed().as_secs_f64());
    }
}
