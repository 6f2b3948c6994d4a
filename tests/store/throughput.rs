//! How fast it is: `cargo test --test store throughput -- --ignored --nocapture`.

use crate::fixture::{
    acquired, at, batch, load, open_with_129, opened, session_closed, user_saved,
};
use crate::sqlite::SqliteBackend;
use licence_broker::domain::event::{Event, SessionOpened};
use licence_broker::domain::ids::SessionId;
use licence_broker::store::Batch;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::time::Instant;

const SESSIONS: u32 = 60_000;
const PER_BATCH: usize = 300;

/// One login with three instances.
fn login(index: u32, number: u32) -> Vec<Event> {
    let session = (u128::from(index) << 40) | (1_700_000_000_000 << 80);
    let name = format!("agent{number:06}");
    let mut events = vec![Event::SessionOpened(SessionOpened {
        session: SessionId(session),
        ..opened(1, &name)
    })];
    for (offset, key) in ["inbound_agent", "agent_email", "agent_sms"].into_iter().enumerate() {
        let order = u64::from(number) * 3 + offset as u64;
        events.push(acquired(session, &name, key, 1, order));
    }
    events
}

#[tokio::test]
#[ignore = "measures"]
async fn twenty_thousand_sessions_load_fast_and_logins_are_durable_fast() {
    let backend = SqliteBackend::new();
    let store = open_with_129(&backend).await;
    let mut order: Vec<u32> = (0..SESSIONS).collect();
    order.shuffle(&mut StdRng::seed_from_u64(1));
    let users: Vec<Event> =
        (0..SESSIONS).map(|number| user_saved(&format!("agent{number:06}"))).collect();
    let begun = Instant::now();
    store.commit(&[batch(129, 1, at(1), users)]).await.expect("committed");
    println!("{SESSIONS} users in {:?}", begun.elapsed());

    // Sessions come in order, their users do not.
    let indexed: Vec<(u32, u32)> = (0..SESSIONS).zip(order).collect();
    let batches: Vec<Batch> = indexed
        .chunks(PER_BATCH)
        .zip(2..)
        .map(|(chunk, number)| {
            let events = chunk.iter().flat_map(|(index, number)| login(*index, *number));
            batch(129, number, at(1), events.collect())
        })
        .collect();
    let (begun, processor_before_s) = (Instant::now(), processor_s());
    for batch in &batches {
        store.commit(std::slice::from_ref(batch)).await.expect("committed");
    }
    let (elapsed, processor_after_s) = (begun.elapsed(), processor_s());
    let processor_us = (processor_after_s - processor_before_s) * 1e6 / f64::from(SESSIONS);
    println!("{processor_us:.1} µs of processor time a login");
    println!("{:.0} durable logins/s", f64::from(SESSIONS) / elapsed.as_secs_f64());

    let begun = Instant::now();
    let sessions = load(&*store, 129).await.snapshot.sessions;
    println!("{SESSIONS} sessions and users loaded in {:?}", begun.elapsed());
    assert_eq!(sessions.len(), SESSIONS as usize);

    let closed = sessions.iter().map(|session| session_closed(session.opened.session.0)).collect();
    let begun = Instant::now();
    let number = 2 + batches.len() as u64;
    store.commit(&[batch(129, number, at(9), closed)]).await.expect("committed");
    println!("{SESSIONS} sessions closed in {:?}", begun.elapsed());
    assert!(load(&*store, 129).await.snapshot.sessions.is_empty());
}

/// Seconds of processor time that this process has used, where the system tells; what others run on
/// the same machine does not count.
fn processor_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}
