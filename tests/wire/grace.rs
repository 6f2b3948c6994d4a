//! Grace and resume: what an unclean end leaves, what brings it back, and what a restart makes of it.

use crate::centre::{SOON, assert_nothing_is_held, centre, records, sessions, used};
use crate::support::broker::{Setup, TestBroker};
use crate::support::eventually::eventually;
use crate::support::http::Api;
use crate::support::socket::{Heard, Socket};
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use serde_json::{Value, json};
use std::time::Duration;

const LICENCES: &[(&str, u32, u32)] = &[("inbound_agent", 1, 0), ("agent_email", 1, 0)];
const AGENTS: &[(&str, &[&str])] = &[("edred", &["agent_email"]), ("osric", &["agent_email"])];

impl TestBroker {
    /// Resumes on a new connection; what is heard first.
    async fn resume(&self, user: &str, welcome: &Value) -> (Socket, Heard) {
        self.resume_with(user, &welcome["session"], &welcome["resume_token"]).await
    }

    async fn resume_with(&self, user: &str, session: &Value, token: &Value) -> (Socket, Heard) {
        let mut socket = self.connect(129, "session").await;
        let message = json!({ "type": "resume", "id": 2, "session": session,
            "token": self.token(Role::Device, 129, user), "resume_token": token });
        socket.send(message).await;
        let heard = socket.hear().await;
        (socket, heard)
    }
}

fn failed() -> Heard {
    Heard::Closed(4508, "resume_failed".to_owned())
}

/// A login with grace.
async fn login(broker: &TestBroker, user: &str) -> (Socket, Value) {
    broker.login_with(129, user, "agent_desktop", json!({ "id": 2, "grace_s": 60 })).await
}

async fn lingers(operator: &Api) {
    let is_lingering =
        async || sessions(operator).await.iter().any(|one| one["state"] == "lingering");
    eventually(SOON, "a session lingers", is_lingering).await;
}

#[tokio::test]
async fn a_lost_connection_lingers_and_resumes_as_if_nothing_had_happened() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, LICENCES, AGENTS).await;
    let (mut socket, mut welcome) = login(&broker, "edred").await;
    for _ in 0..3 {
        socket.vanish();
        lingers(&operator).await;
        assert_eq!(used(&operator, "inbound_agent").await, 1);
        let (mut other, refused) = broker.login(129, "osric", "agent_desktop").await;
        assert_eq!(refused["reason"], "seat_exhausted", "the seat is held");
        assert_eq!(other.closed().await.0, 4010);
        let (resumed, heard) = broker.resume("edred", &welcome).await;
        welcome["type"] = json!("resumed");
        assert_eq!(heard, Heard::Message(welcome.clone()), "the fields of `logged_in`");
        assert_eq!(sessions(&operator).await[0]["state"], "connected");
        socket = resumed;
    }
    assert_eq!(operator.usage(129).await.len(), 2, "no record but the first two");
    socket.log_out().await;
    let (_, heard) = broker.resume("edred", &welcome).await;
    assert_eq!(heard, failed(), "a session that is over");
}

#[tokio::test]
async fn a_close_frame_is_a_logout_despite_grace() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, LICENCES, AGENTS).await;
    let (mut socket, welcome) = login(&broker, "edred").await;
    socket.0.close(None).await.unwrap();
    assert_nothing_is_held(&operator, SOON).await;
    for record in records(&operator, "Released", 2).await {
        assert_eq!(
            (&record["reason"], &record["logon_source"]),
            (&json!("logout"), &json!("Agent Desktop"))
        );
    }
    assert_eq!(broker.resume("edred", &welcome).await.1, failed());
}

#[tokio::test]
async fn without_grace_a_lost_connection_releases_at_once() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, LICENCES, AGENTS).await;
    let (socket, welcome) = broker.login(129, "edred", "agent_desktop").await;
    socket.vanish();
    assert_nothing_is_held(&operator, SOON).await;
    for record in records(&operator, "Released", 2).await {
        assert_eq!(record["reason"], "connection_lost");
        assert_eq!(record["logon_source"], "Agent Desktop Connection Lost");
    }
    assert_eq!(broker.resume("edred", &welcome).await.1, failed());
}

#[tokio::test]
async fn a_resume_works_while_the_old_connection_is_believed_alive() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, LICENCES, AGENTS).await;
    let (mut old, welcome) = login(&broker, "edred").await;
    let (mut new, heard) = broker.resume("edred", &welcome).await;
    assert!(matches!(&heard, Heard::Message(answer) if answer["type"] == "resumed"), "{heard:?}");
    assert_eq!(old.closed().await, (4504, "superseded".to_owned()));
    assert_eq!(new.ask(json!({ "type": "ping" })).await, json!({ "type": "pong" }));
    assert_eq!(operator.usage(129).await.len(), 2, "no record");
    assert_eq!(sessions(&operator).await.len(), 1);
    new.log_out().await;
}

#[tokio::test]
async fn only_the_right_token_of_the_right_user_resumes() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, LICENCES, AGENTS).await;
    let (socket, welcome) = login(&broker, "edred").await;
    socket.vanish();
    lingers(&operator).await;
    let wrong = json!(format!("{}x", welcome["resume_token"].as_str().unwrap()));
    let none = json!("01ARZ3NDEKTSV4RRFFQ69G5FAV");
    let (session, right) = (&welcome["session"], &welcome["resume_token"]);
    assert_eq!(broker.resume_with("edred", session, &wrong).await.1, failed());
    assert_eq!(broker.resume_with("edred", &none, right).await.1, failed());
    assert_eq!(broker.resume_with("osric", session, right).await.1, failed());
    assert_eq!(sessions(&operator).await[0]["state"], "lingering", "no failure has cost it");
    let (socket, heard) = broker.resume("edred", &welcome).await;
    assert!(matches!(heard, Heard::Message(_)), "{heard:?}");
    socket.log_out().await;
}

#[tokio::test]
async fn a_takeover_of_a_lingering_session_leaves_nothing_to_resume() {
    let broker = TestBroker::start().await;
    let operator = centre(&broker, LICENCES, AGENTS).await;
    let (socket, welcome) = login(&broker, "edred").await;
    socket.vanish();
    lingers(&operator).await;
    let (new, answer) = broker.login(129, "edred", "agent_desktop").await;
    assert_eq!(answer["granted"][0]["pool"], "shared");
    assert_eq!(broker.resume("edred", &welcome).await.1, failed());
    for record in records(&operator, "Released", 2).await {
        assert_eq!(record["reason"], "superseded");
    }
    new.log_out().await;
}

#[tokio::test]
async fn when_the_grace_runs_out_the_licences_are_released_as_lost() {
    let clock = Clock::manual(chrono::Utc::now());
    let heartbeat = Duration::from_secs(86_400);
    let setup = Setup { clock: clock.clone(), heartbeat, ..Setup::default() };
    let broker = TestBroker::with(setup).await;
    let operator = centre(&broker, LICENCES, AGENTS).await;
    let (socket, welcome) = login(&broker, "edred").await;
    socket.vanish();
    lingers(&operator).await;
    clock.advance(Duration::from_millis(59_900));
    let (socket, heard) = broker.resume("edred", &welcome).await;
    assert!(matches!(heard, Heard::Message(_)), "within the grace: {heard:?}");
    socket.vanish();
    lingers(&operator).await;
    clock.advance(Duration::from_millis(60_001));
    assert_eq!(broker.resume("edred", &welcome).await.1, failed(), "after it");
    assert_nothing_is_held(&operator, SOON).await;
    for record in records(&operator, "Released", 2).await {
        assert_eq!(record["reason"], "connection_lost");
        assert_eq!(record["logon_source"], "Agent Desktop Connection Lost");
    }
}

/// What time has brought comes before what is asked, and so it is told: whoever gives back what was granted a
/// moment ago would otherwise believe to hold it.
#[tokio::test]
async fn what_is_granted_as_a_grace_runs_out_is_told_before_the_answer_that_comes_with_it() {
    let clock = Clock::manual(chrono::Utc::now());
    let heartbeat = Duration::from_secs(86_400);
    let setup = Setup { clock: clock.clone(), heartbeat, ..Setup::default() };
    let broker = TestBroker::with(setup).await;
    let licences = [("inbound_agent", 2, 0), ("agent_email", 1, 0)];
    let operator = centre(&broker, &licences, AGENTS).await;
    let release = json!({ "type": "release", "id": 7, "channels": ["agent_email"] });
    for (asks, answer) in [(release, "released"), (json!({ "type": "logout" }), "logged_out")] {
        let (holder, _) = login(&broker, "edred").await;
        let wait = json!({ "wait": true, "channels": ["agent_email"] });
        let (mut waits, welcome) = broker.login_with(129, "osric", "agent_desktop", wait).await;
        assert_eq!(welcome["waiting"], json!(["agent_email"]), "{welcome}");
        holder.vanish();
        lingers(&operator).await;
        clock.advance(Duration::from_millis(60_001));
        waits.send(asks).await;
        let (first, second) = (waits.message().await, waits.message().await);
        assert_eq!((&first["type"], &second["type"]), (&json!("granted"), &json!(answer)));
        assert!(second.to_string().contains("agent_email"), "{second}");
        assert_eq!(used(&operator, "agent_email").await, 0);
        waits.vanish();
        assert_nothing_is_held(&operator, SOON).await;
    }
}

#[tokio::test]
async fn after_a_restart_grace_lingers_and_the_rest_is_released_as_of_the_last_sign_of_life() {
    let folder = tempfile::TempDir::new().unwrap();
    let database = Some(folder.path().join("kept.db"));
    let licences = [("inbound_agent", 2, 0), ("agent_email", 2, 0)];
    let broker = TestBroker::with(Setup { database: database.clone(), ..Setup::default() }).await;
    let _operator = centre(&broker, &licences, AGENTS).await;
    let (graceful, welcome) = login(&broker, "edred").await;
    let (graceless, lost) = broker.login(129, "osric", "agent_desktop").await;
    broker.halt().await;
    let stopped_at = chrono::Utc::now();
    drop((graceful, graceless));

    let broker = TestBroker::with(Setup { database, ..Setup::default() }).await;
    let operator = broker.operator();
    let ready = reqwest::get(broker.url("/readyz")).await.unwrap();
    assert_eq!(ready.status(), 200);
    let released = records(&operator, "Released", 2).await;
    let acquired = operator.usage(129).await;
    let last_acquired = acquired.iter().rfind(|one| one["usage_type"] == "Acquired").unwrap();
    for record in &released {
        assert_eq!(
            (&record["user"], &record["reason"]),
            (&json!("osric"), &json!("broker_restart"))
        );
        assert!(record["logged_at"].as_str() >= last_acquired["logged_at"].as_str(), "{record}");
        let at: chrono::DateTime<chrono::Utc> =
            record["logged_at"].as_str().unwrap().parse().unwrap();
        assert!(at <= stopped_at, "{record}");
    }
    let lingering = sessions(&operator).await;
    assert_eq!(lingering.len(), 1);
    assert_eq!(
        (&lingering[0]["session"], &lingering[0]["state"]),
        (&welcome["session"], &json!("lingering"))
    );
    assert_eq!(broker.resume("osric", &lost).await.1, failed());
    let (socket, heard) = broker.resume("edred", &welcome).await;
    let mut expected = welcome.clone();
    expected["type"] = json!("resumed");
    assert_eq!(heard, Heard::Message(expected));
    socket.log_out().await;
    assert_nothing_is_held(&operator, SOON).await;
}

#[tokio::test]
async fn after_a_drain_a_session_with_grace_resumes_on_the_next_broker() {
    let folder = tempfile::TempDir::new().unwrap();
    let database = Some(folder.path().join("kept.db"));
    let broker = TestBroker::with(Setup { database: database.clone(), ..Setup::default() }).await;
    let _operator = centre(&broker, LICENCES, AGENTS).await;
    let (mut socket, welcome) = login(&broker, "edred").await;
    let drain = tokio::spawn(broker.drain());
    assert_eq!(socket.message().await["type"], "draining");
    assert_eq!(socket.closed().await.0, 1001);
    drain.await.unwrap();
    let broker = TestBroker::with(Setup { database, ..Setup::default() }).await;
    let (socket, heard) = broker.resume("edred", &welcome).await;
    assert!(matches!(&heard, Heard::Message(answer) if answer["type"] == "resumed"), "{heard:?}");
    assert_eq!(broker.operator().usage(129).await.len(), 2);
    socket.log_out().await;
}
