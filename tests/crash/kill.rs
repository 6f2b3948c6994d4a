//! SIGKILL in the middle of logins, again and again.

use crate::child::{Home, Process};
use crate::moments::kill_starting;
use crate::moments::{Moment, at_border, at_random, check_imports, kill_importing};
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
/// Nobody works here; users are imported.
const IMPORTING: u64 = 3;
const AGENTS: usize = 30;
/// Less than the agents want.
const BOUGHT: u32 = 20;
const LICENCES: [&str; 4] = ["inbound_agent", "agent_email", "agent_sms", "agent_calls"];

type ToldOf = BTreeMap<u64, Arc<Mutex<Told>>>;

fn of_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// One run: the same agents, one broker after the other.
struct Run {
    home: Home,
    rng: StdRng,
    told: ToldOf,
    mode: watch::Sender<Mode>,
    /// Records of each organisation, as of the last check.
    records: BTreeMap<u64, usize>,
    /// Rounds with an import, and whether it was answered.
    imports: Vec<(u64, bool)>,
    kills: BTreeMap<Moment, usize>,
    recovery_max: Duration,
}

#[tokio::test]
async fn a_broker_killed_again_and_again_keeps_what_clients_were_told() {
    let seed = of_environment("CRASH_SEED").unwrap_or_else(|| rand::random_range(0..100_000));
    let rounds = of_environment("CRASH_ROUNDS").unwrap_or(8);
    eprintln!("CRASH_SEED={seed} CRASH_ROUNDS={rounds}");
    let home = Home::new();
    let mut process = home.start().await;
    for id in 1..=ORGANISATIONS {
        home.organisation(id, AGENTS, BOUGHT).await;
    }
    home.organisation(IMPORTING, 0, BOUGHT).await;
    let told: ToldOf = (1..=ORGANISATIONS).map(|id| (id, Arc::default())).collect();
    let (mode, shift) = watch::channel(Mode::Work);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut agents = begin_work(&home, shift, &told, &mut rng);
    let records = BTreeMap::from([(1, 0), (2, 0)]);
    let (imports, kills, recovery_max) = (Vec::new(), BTreeMap::new(), Duration::ZERO);
    let mut run = Run { home, rng, told, mode, records, imports, kills, recovery_max };
    for round in 0..rounds {
        process = run.round(round, process).await;
    }
    run.finish(&mut agents, process).await;
}

impl Run {
    /// Work, a kill, a start, and a look at what is found.
    async fn round(&mut self, round: u64, process: Process) -> Process {
        let moment = Moment::choose(&mut self.rng, Utc::now());
        self.mode.send(Mode::Work).unwrap();
        let kills = self.kill(round, moment, process).await;
        *self.kills.entry(moment).or_default() += kills;
        let process = self.home.start().await;
        self.recovery_max = self.recovery_max.max(process.took);
        assert_sound(&self.home.folder().join("it.db")).await;
        for (id, told) in &self.told {
            let before = self.records[id];
            let was_draining = moment == Moment::Draining;
            let (kept, restart) =
                check(&self.home, *id, told, before, process.ready_at, was_draining).await;
            self.records.insert(*id, kept);
            eprintln!(
                "round {round}, {moment:?}, organisation {id}: {kept} records, {restart} by the restart"
            );
        }
        check_imports(&self.home, IMPORTING, &self.imports).await;
        process
    }

    /// Has agents work until the moment has come; how many processes were killed. Whoever loses the
    /// connection waits then, so that what is found is what the crash left.
    async fn kill(&mut self, round: u64, moment: Moment, process: Process) -> usize {
        if moment == Moment::Reconnect {
            at_random(&mut self.rng, 80).await;
        } else {
            let more = self.rng.random_range(5..150);
            until_granted(&self.told, granted(&self.told) + more).await;
        }
        match moment {
            Moment::Border => at_border(&mut self.rng).await,
            Moment::Draining => {
                process.ask_to_end();
                at_random(&mut self.rng, 3_000).await;
            }
            Moment::Import => {
                let was_answered =
                    kill_importing(&self.home, IMPORTING, round, process, &mut self.rng).await;
                self.imports.push((round, was_answered));
                self.mode.send(Mode::Pause).unwrap();
                return 1;
            }
            Moment::Load | Moment::Reconnect | Moment::Starting => {}
        }
        self.mode.send(Mode::Pause).unwrap();
        process.kill();
        if moment == Moment::Starting {
            return 1 + kill_starting(&self.home, &mut self.rng).await;
        }
        1
    }
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
    was_draining: bool,
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
    // A broker that drains releases for the same reason, while others still leave.
    assert!(strays == 0 || was_draining, "{strays} released by the restart before others");
    (records.len(), restart)
}

impl Run {
    /// Everybody goes home; then nothing is open but what lingers, and it was resumed without records.
    async fn finish(&mut self, agents: &mut JoinSet<Option<Client>>, process: Process) {
        self.mode.send(Mode::Work).unwrap();
        until_granted(&self.told, granted(&self.told) + 100).await;
        self.mode.send(Mode::End).unwrap();
        while let Some(ended) = agents.join_next().await {
            if let Some(client) = ended.expect("an agent that could resume what it lost") {
                client.leave().await;
            }
        }
        process.kill();
        *self.kills.entry(Moment::Load).or_default() += 1;
        let process = self.home.start().await;
        let (mut resumed, mut turned_away) = (0, 0);
        for (id, told) in &self.told {
            check(&self.home, *id, told, self.records[id], process.ready_at, false).await;
            resumed += told.lock().unwrap().resumed.len();
            turned_away += told.lock().unwrap().turned_away;
        }
        assert!(resumed > 0, "grace was of use to nobody");
        self.summarise(resumed, turned_away);
    }

    /// One line. Each 0 was asserted at every start.
    fn summarise(&self, resumed: usize, turned_away: usize) {
        let kills: usize = self.kills.values().sum();
        let moments: Vec<String> =
            self.kills.iter().map(|(moment, kills)| format!("{moment:?} {kills}")).collect();
        eprintln!(
            "CRASH SUMMARY: {kills} kills ({}), {} grants told, {resumed} sessions resumed, \
             {turned_away} attempts turned away; lost 0, released twice 0, open records without a \
             session 0, over-grants 0, imports cut in two 0; slowest restart {:?}",
            moments.join(", "),
            granted(&self.told),
            self.recovery_max
        );
    }
}

fn at(record: &Value) -> DateTime<Utc> {
    record["logged_at"].as_str().unwrap().parse().unwrap()
}
