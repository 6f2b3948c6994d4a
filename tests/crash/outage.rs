//! A disk that makes trouble under a broker that runs: what it refuses, what it keeps, and how it comes
//! back without a restart.

use crate::child::{Home, Process};
use crate::desk::{TurnedAway, granted};
use crate::support::agent::Told;
use crate::support::audit::{Held, Ledger, held_by_sessions};
use crate::support::socket::{Heard, Socket};
use crate::support::until::until_seen;
use crate::troubles::{FailingCalls, LimitedFiles, Locked, SmallDisk, Trouble};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const BOUGHT: u32 = 20;
/// Of the organisation that everything happens to, and of one that nobody asks for anything meanwhile.
const ORGANISATIONS: [u64; 2] = [1, 2];

#[tokio::test]
async fn a_limit_on_the_size_of_files_is_outlived() {
    let home = Home::new();
    outlive(&home, LimitedFiles::default()).await;
}

#[tokio::test]
async fn a_disk_that_is_full_is_outlived() {
    let Some((disk, home)) = SmallDisk::home() else { return };
    outlive(&home, disk).await;
}

#[tokio::test]
async fn a_disk_that_takes_no_bytes_is_outlived() {
    let (trouble, home) = FailingCalls::home("write", libc::ENOSPC);
    outlive(&home, trouble).await;
}

#[tokio::test]
async fn a_file_system_that_turns_read_only_is_outlived() {
    let (trouble, home) = FailingCalls::home("write", libc::EROFS);
    outlive(&home, trouble).await;
}

#[tokio::test]
async fn a_disk_that_fails_to_make_things_durable_is_outlived() {
    let (trouble, home) = FailingCalls::home("fsync", libc::EIO);
    outlive(&home, trouble).await;
}

#[tokio::test]
async fn another_program_that_locks_the_database_is_outlived() {
    let home = Home::new();
    let trouble = Locked::of(&home);
    outlive(&home, trouble).await;
}

/// A broker whose log lies on the disk that is full.
#[tokio::test]
async fn a_log_that_cannot_be_written_ends_nothing() {
    let (trouble, mut home) = FailingCalls::home("write", libc::ENOSPC);
    home.launch.log = Some("/dev/full");
    outlive(&home, trouble).await;
}

/// The sessions that are there when it begins.
struct Sessions {
    plain: Socket,
    graceful: Socket,
    leaving: Socket,
    vanishing: Socket,
    lingering: Socket,
    elsewhere: Socket,
    told: BTreeMap<u64, Told>,
    /// What the logins of those with grace were answered.
    answers: BTreeMap<usize, Value>,
}

impl Sessions {
    async fn begin(home: &Home) -> Self {
        let mut told: BTreeMap<u64, Told> = BTreeMap::new();
        let mut answers = BTreeMap::new();
        let mut log_in = async |organisation, number, grace_s| {
            let (socket, answer) = home.log_in(organisation, number, grace_s).await;
            told.entry(organisation).or_default().granted.extend(granted(&answer));
            if grace_s > 0 {
                answers.insert(number, answer);
            }
            socket
        };
        let (plain, graceful) = (log_in(1, 0, 0).await, log_in(1, 1, 60).await);
        let (leaving, vanishing) = (log_in(1, 2, 60).await, log_in(1, 3, 0).await);
        let (lingering, elsewhere) = (log_in(1, 4, 60).await, log_in(2, 0, 0).await);
        Self { plain, graceful, leaving, vanishing, lingering, elsewhere, told, answers }
    }
}

async fn outlive(home: &Home, mut trouble: impl Trouble) {
    let process = home.start().await;
    for id in ORGANISATIONS {
        home.organisation(id, 10, BOUGHT).await;
    }
    let mut sessions = Sessions::begin(home).await;

    trouble.begin(&process);
    refuse_and_keep(home, &mut sessions).await;
    let Sessions { plain, graceful, leaving, vanishing, lingering, elsewhere, mut told, answers } =
        sessions;
    drop(leaving);
    vanishing.vanish();
    lingering.vanish();

    trouble.end(&process);
    let ended = std::time::Instant::now();
    let mut late = Vec::new();
    for id in ORGANISATIONS {
        let (socket, answer) = home.log_in_at_last(id, 9).await;
        told.get_mut(&id).unwrap().granted.extend(granted(&answer));
        late.push(socket);
    }
    eprintln!("logins came through {:?} after the trouble ended", ended.elapsed());
    until_seen("a broker that is ready", async || home.is_ready().await.then_some(())).await;
    released(home, 1, &["agent-2 logout", "agent-3 connection_lost"]).await;
    late.extend([plain, graceful, elsewhere]);
    for socket in &mut late {
        let answer = socket.ask(json!({ "type": "release", "channels": ["agent_sms"] })).await;
        assert_eq!(answer["type"], "released", "{answer}");
        let answer = socket.ask(json!({ "type": "acquire", "channels": ["agent_sms"] })).await;
        assert_eq!(answer["type"], "acquired", "{answer}");
    }
    audit(home, &told).await;
    kill_and_audit(home, process, &told, &answers).await;
}

/// While it lasts: nobody gets in, nothing is changed, whoever is in stays, and the broker says why.
async fn refuse_and_keep(home: &Home, sessions: &mut Sessions) {
    for id in ORGANISATIONS {
        // What room there is may be used up first.
        until_seen("a login that is refused", async || match home.try_log_in(id, 8, 0).await {
            Ok((socket, answer)) => {
                sessions.told.get_mut(&id).unwrap().granted.extend(granted(&answer));
                socket.vanish();
                None
            }
            Err(away) => {
                assert_eq!(away, TurnedAway(4003));
                Some(())
            }
        })
        .await;
    }
    until_seen("a broker that says so", async || (!home.is_ready().await).then_some(())).await;
    for _ in 0..3 {
        assert_eq!(home.try_log_in(1, 7, 0).await.err(), Some(TurnedAway(4003)));
    }
    let totals = json!({ "base": 0, "concurrent": 9, "contingency": 0, "fixed": 0 });
    let path = "/v1/organisations/1/licences/agent_web_chat";
    let (status, _) = home.operator.call(Method::PUT, path, Some(totals)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    sessions.leaving.send(json!({ "type": "logout" })).await;
    let heard = sessions.leaving.hear().await;
    assert_eq!(heard, Heard::Closed(4003, "storage_unavailable".to_owned()));
    for socket in [&mut sessions.plain, &mut sessions.graceful, &mut sessions.elsewhere] {
        assert_eq!(socket.ask(json!({ "type": "ping" })).await["type"], "pong");
    }
}

/// Waits until these users gave everything back, each for the reason that stands beside the name.
async fn released(home: &Home, organisation: u64, expected: &[&str]) {
    let expected: BTreeSet<&str> = expected.iter().copied().collect();
    until_seen("what ended meanwhile is released", async || {
        let records = home.operator.usage(organisation).await;
        let text =
            |record: &Value, field: &str| record[field].as_str().unwrap_or_default().to_owned();
        let seats = records.iter().filter(|record| {
            record["usage_type"] == "Released" && record["licence"] == "inbound_agent"
        });
        let ends: BTreeSet<String> = seats
            .map(|record| format!("{} {}", text(record, "user"), text(record, "reason")))
            .collect();
        expected.iter().all(|end| ends.contains(*end)).then_some(())
    })
    .await;
}

/// What clients were told is in the log, what they were refused is not, and log and sessions agree.
async fn audit(home: &Home, told: &BTreeMap<u64, Told>) {
    for (id, told) in told {
        let records = home.operator.usage(*id).await;
        let bought = usize::try_from(BOUGHT).unwrap();
        let ledger = Ledger::replay(&records, &[("inbound_agent", bought)].into());
        told.hold_against(&ledger);
        let sessions = home.operator.all(&format!("/v1/organisations/{id}/sessions")).await;
        assert_eq!(ledger.open(), held_by_sessions(&sessions), "log and sessions differ");
        let of_refused = |record: &&Value| record["user"] == "agent-7";
        let refused = records.iter().filter(of_refused).count();
        assert_eq!(refused, 0, "a login that was refused is in the log");
    }
    home.check().await;
}

async fn kill_and_audit(
    home: &Home,
    process: Process,
    told: &BTreeMap<u64, Told>,
    answers: &BTreeMap<usize, Value>,
) {
    process.kill();
    let process = home.start().await;
    audit(home, told).await;
    let sessions = home.operator.all("/v1/organisations/1/sessions").await;
    let users: BTreeSet<&str> =
        sessions.iter().map(|session| session["user"].as_str().unwrap()).collect();
    assert_eq!(users, ["agent-1", "agent-4"].into(), "those with grace are kept");
    let kept: BTreeSet<Held> = held_by_sessions(&sessions);
    assert_eq!(kept.len(), 6, "each with its seat and two channels");
    let records = home.operator.usage(1).await.len();
    for number in [1, 4] {
        let resumed = home.try_resume(1, number, &answers[&number]).await;
        let (socket, _) = resumed.expect("a resume token that is still good");
        socket.vanish();
    }
    assert_eq!(home.operator.usage(1).await.len(), records, "coming back is no record");
    process.kill();
}
