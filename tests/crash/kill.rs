//! SIGKILL in the middle of logins, again and again.

use crate::child::{Home, Process};
use crate::support::agent::{Agent, Client, Mode, Shift, Told};
use crate::support::audit::{Ledger, held_by_sessions};
use crate::support::sound::assert_sound;
use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

const ORGANISATIONS: u64 = 2;
const AGENTS: usize = 30;
/// Less than the agents want.
const BOUGHT: u32 = 20;
const LICENCES: [&str; 4] = ["inbound_agent", "agent_email", "agent_sms", "agent_calls"];

type ToldOf = BTreeMap<u64, Arc<Mutex<Told>>>;

fn of_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[tokio::test]
async fn a_broker_killed_again_and_again_keeps_what_clients_were_told() {
    let seed = of_environment("CRASH_SEED").unwrap_or_else(|| rand::random_range(0..100_000));
    let rounds = of_environment("CRASH_ROUNDS").unwrap_or(8);
    eprintln!("CRASH_SEED={seed} CRASH_ROUNDS={rounds}");
    let mut rng = StdRng::seed_from_u64(seed);
    let home = Home::new();
    let mut process = home.start().await;
    for id in 1..=ORGANISATIONS {
        home.organisation(id, AGENTS, BOUGHT).await;
    }
    let told: ToldOf = (1..=ORGANISATIONS).map(|id| (id, Arc::default())).collect();
    let (mode, shift) = watch::channel(Mode::Work);
    let mut agents = begin_work(&home, shift, &told, &mut rng);
    let mut records = BTreeMap::from([(1, 0), (2, 0)]);
    for round in 0..rounds {
        mode.send(Mode::Work).unwrap();
        let more = rng.random_range(5..150);
        until_granted(&told, granted(&told) + more).await;
        // Whoever loses the connection waits, so that what is found is what the crash left.
        mode.send(Mode::Pause).unwrap();
        process.kill();
        process = home.start().await;
        assert_sound(&home.folder().join("it.db")).await;
        for (id, told) in &told {
            let before = records[id];
            let (kept, restart) = check(&home, *id, told, before, process.ready_at).await;
            records.insert(*id, kept);
            eprintln!("round {round}, organisation {id}: {kept} records, {restart} by the restart");
        }
    }
    finish(&home, &mode, &mut agents, &told, &records, process).await;
}

fn begin_work(
    home: &Home,
    mode: watch::Receiver<Mode>,
    told: &ToldOf,
    rng: &mut StdRng,
) -> JoinSet<Option<Client>> {
    let (address, authenticator) = (home.address, home.authenticator.clone());
    let shift = Shift { address, authenticator, mode, resumes_succeed: true };
    let mut agents = JoinSet::new();
    for (id, told) in told {
        for number in 0..AGENTS {
            let device = ["agent_desktop", "deskphone"][number % 2];
            let user = format!("agent-{number}");
            agents.spawn(Agent::new(&shift, *id, &user, device, rng.random(), told).run());
        }
    }
    agents
}

fn granted(told: &ToldOf) -> usize {
    told.values().map(|told| told.lock().unwrap().granted.len()).sum()
}

/// Waits until clients were told of so many grants, at most for a while: licences may be used up.
async fn until_granted(told: &ToldOf, grants: usize) {
    let enough = async {
        while granted(told) < grants {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let _ = timeout(Duration::from_secs(2), enough).await;
}

/// Right after a restart, with nobody connected; how many records there are now, and how many of them
/// the restart made.
async fn check(
    home: &Home,
    id: u64,
    told: &Mutex<Told>,
    records_before: usize,
    ready_at: DateTime<Utc>,
) -> (usize, usize) {
    let records = home.operator.usage(id).await;
    let bought = LICENCES.map(|licence| (licence, usize::try_from(BOUGHT).unwrap())).into();
    let ledger = Ledger::replay(&records, &bought);
    let sessions = home.operator.all(&format!("/v1/organisations/{id}/sessions")).await;
    assert!(sessions.iter().all(|session| session["state"] == "lingering"), "{sessions:?}");
    assert_eq!(ledger.open(), held_by_sessions(&sessions), "log and sessions differ");

    let told = told.lock().unwrap();
    told.hold_against(&ledger);
    let by_restart = |record: &&Value| record["reason"] == "broker_restart";
    for record in records.iter().filter(by_restart) {
        let session = record["session"].as_str().unwrap();
        assert!(!told.with_grace.iter().any(|one| one == session), "it has grace: {record}");
    }
    // What this restart released comes last, at one instant between the crash and the readiness.
    let fresh = &records[records_before..];
    let restart = fresh.iter().rev().take_while(by_restart).count();
    let earlier = &records[..records.len() - restart];
    let last = earlier.last().map_or(DateTime::UNIX_EPOCH, at);
    for record in &records[records.len() - restart..] {
        assert!(at(record) >= last && at(record) <= ready_at, "{record} after {last}");
    }
    let strays = earlier[records_before.min(earlier.len())..].iter().filter(by_restart).count();
    assert_eq!(strays, 0, "released by the restart before others");
    (records.len(), restart)
}

/// Everybody goes home; then nothing is open but what lingers, and it was resumed without records.
async fn finish(
    home: &Home,
    mode: &watch::Sender<Mode>,
    agents: &mut JoinSet<Option<Client>>,
    told: &ToldOf,
    records: &BTreeMap<u64, usize>,
    process: Process,
) {
    mode.send(Mode::Work).unwrap();
    until_granted(told, granted(told) + 100).await;
    mode.send(Mode::End).unwrap();
    while let Some(ended) = agents.join_next().await {
        if let Some(client) = ended.expect("an agent that could resume what it lost") {
            client.leave().await;
        }
    }
    process.kill();
    let process = home.start().await;
    let (mut resumed, mut turned_away) = (0, 0);
    for (id, told) in told {
        check(home, *id, told, records[id], process.ready_at).await;
        resumed += told.lock().unwrap().resumed.len();
        turned_away += told.lock().unwrap().turned_away;
    }
    eprintln!("granted {}, resumed {resumed}, turned away {turned_away}", granted(told));
    assert!(resumed > 0, "grace was of use to nobody");
}

fn at(record: &Value) -> DateTime<Utc> {
    record["logged_at"].as_str().unwrap().parse().unwrap()
}
