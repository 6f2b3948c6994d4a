//! Agents of several organisations come and go while the store and the actors fail by chance; at the end
//! the log alone must tell one story, and it must be the one that the agents were told.
//!
//! `FAULTS_SEED` replays a seed, `FAULTS_STEPS` makes it longer. The seed fixes what is done, not how
//! threads interleave.

use crate::puppet::{panic, submit_panic};
use crate::stage::{Stage, agent};
use crate::support::agent::{Agent, Client, Mode, Shift, Told};
use crate::support::audit::{Ledger, held_by_sessions};
use crate::support::faulty_store::{Fault, FaultyStore};
use crate::support::sound::assert_sound;
use crate::support::until::until_seen;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

const ORGANISATIONS: u64 = 4;
const AGENTS: usize = 50;
/// What every organisation buys of every type: less than its agents want.
const BOUGHT: u32 = 20;

fn of_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[tokio::test]
async fn whatever_fails_the_log_tells_what_the_agents_were_told() {
    let seed = of_environment("FAULTS_SEED").unwrap_or_else(|| rand::random_range(0..100_000));
    let steps = of_environment("FAULTS_STEPS").unwrap_or(60);
    eprintln!("FAULTS_SEED={seed} FAULTS_STEPS={steps}");
    let mut rng = StdRng::seed_from_u64(seed);
    let stage = Stage::start().await;
    for id in 1..=ORGANISATIONS {
        stage.organisation(id, AGENTS, BOUGHT).await;
    }
    let (mode, shift) = watch::channel(Mode::Work);
    let shift = Shift {
        address: stage.broker.address,
        authenticator: stage.broker.authenticator.clone(),
        mode: shift,
        resumes_succeed: false,
    };
    let told: BTreeMap<u64, Arc<Mutex<Told>>> =
        (1..=ORGANISATIONS).map(|id| (id, Arc::default())).collect();
    let mut agents = JoinSet::new();
    for id in 1..=ORGANISATIONS {
        for number in 0..AGENTS {
            let device = ["agent_desktop", "deskphone"][number % 2];
            // Two devices for every other agent.
            let user = agent(number / 2 * 2 + usize::from(number % 4 == 3));
            let one = Agent::new(&shift, id, &user, device, rng.random(), &told[&id]);
            agents.spawn(async move { (id, one.run().await) });
        }
    }
    for _ in 0..steps {
        fail_somehow(&stage, &mut rng).await;
    }
    stage.store.calm();
    mode.send(Mode::End).unwrap();
    let mut clients: BTreeMap<u64, Vec<Client>> = BTreeMap::new();
    while let Some(ended) = agents.join_next().await {
        let (id, client) = ended.expect("an agent that found nothing wrong");
        clients.entry(id).or_default().extend(client);
    }
    for (id, told) in told {
        settle(&stage, id, clients.remove(&id).unwrap_or_default()).await;
        let ledger = replayed(&stage, id).await;
        let told = told.lock().unwrap();
        told.hold_against(&ledger);
        assert!(!told.granted.is_empty() && !told.resumed.is_empty(), "somebody worked");
    }
    assert_sound(&stage.broker.database).await;
}

/// Waits for some commits, at most for a moment, then lets something fail.
async fn fail_somehow(stage: &Stage, rng: &mut StdRng) {
    let store = &stage.store;
    let organisation = rng.random_range(1..=ORGANISATIONS);
    some_commits(store, rng.random_range(1..12)).await;
    match rng.random_range(0..9) {
        0 => store.plan(Fault::Abort, rng.random_range(1..4)),
        1 | 2 => store.plan(Fault::ApplyUnknown, rng.random_range(1..3)),
        3 => store.plan(Fault::LoseUnknown, rng.random_range(1..3)),
        4 => {
            store.hold();
            some_commits(store, 2).await;
            store.release();
        }
        5 => {
            store.set_down(true);
            some_commits(store, 4).await;
            store.set_down(false);
        }
        6 => {
            store.hold();
            some_commits(store, 1).await;
            // An actor that is being loaded waits for what is held: so nobody waits for it here.
            submit_panic(&stage.broker.inside, organisation);
            some_commits(store, 1).await;
            store.release();
        }
        7 => {
            store.panic_loads(1);
            panic(&stage.broker.inside, organisation).await;
        }
        _ => throw_somebody_out(stage, organisation, rng).await,
    }
}

async fn some_commits(store: &FaultyStore, commits: u64) {
    // With everything down or held there may be none.
    let _ =
        timeout(Duration::from_millis(60), store.commits_begun(store.commits() + commits)).await;
}

async fn throw_somebody_out(stage: &Stage, id: u64, rng: &mut StdRng) {
    let path = format!("/v1/organisations/{id}/sessions");
    let (_, page) = stage.operator.call(Method::GET, &path, None).await;
    let sessions = page["items"].as_array().cloned().unwrap_or_default();
    if let Some(session) = sessions.choose(rng) {
        let path = format!("{path}/{}", session["session"].as_str().unwrap());
        stage.operator.call(Method::DELETE, &path, None).await;
    }
}

async fn replayed(stage: &Stage, id: u64) -> Ledger {
    stage.ledger(id, usize::try_from(BOUGHT).unwrap()).await
}

/// Waits until what is open, what sessions hold and who is served are the same; then everybody leaves,
/// and nothing may be left.
async fn settle(stage: &Stage, id: u64, clients: Vec<Client>) {
    until_seen("the actor is back", async || stage.decided(id).await).await;
    let mut served = BTreeMap::new();
    for mut client in clients {
        if client.is_served().await {
            served.insert(client.session().to_owned(), client);
        }
    }
    let path = format!("/v1/organisations/{id}/sessions");
    let expected: BTreeSet<String> = served.keys().cloned().collect();
    let sessions = until_seen("the sessions that are served, and no others", async || {
        let sessions = stage.operator.all(&path).await;
        let connected = sessions.iter().filter(|session| session["state"] == "connected");
        (expected == connected.map(name).collect()).then_some(sessions)
    })
    .await;
    assert_eq!(replayed(stage, id).await.open(), held_by_sessions(&sessions));

    for client in served.into_values() {
        client.leave().await;
    }
    until_seen("nothing is open", async || {
        // A close frame that met an unread notice on its way is none: that session lingers too.
        let sessions = stage.operator.all(&path).await;
        for session in sessions.iter().filter(|session| session["state"] == "lingering") {
            stage.operator.call(Method::DELETE, &format!("{path}/{}", name(session)), None).await;
        }
        replayed(stage, id).await.open().is_empty().then_some(())
    })
    .await;
    for licence in ["inbound_agent", "agent_email", "agent_sms", "agent_calls"] {
        assert_eq!(stage.used(id, licence).await, 0, "{licence}");
    }
    until_seen("no connection is left", async || {
        let directory = &stage.broker.inside.directory;
        (id < ORGANISATIONS || directory.connected() == 0).then_some(())
    })
    .await;
}

fn name(session: &Value) -> String {
    session["session"].as_str().unwrap().to_owned()
}
