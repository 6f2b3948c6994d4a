//! Who cannot be served soon is told so at once; who comes back to a session is served all the same, and
//! loses nothing by waiting in the broker's own queue.

use crate::puppet::{Puppet, block};
use crate::stage::{Stage, agent, is_silent};
use crate::support::broker::{Setup, TestBroker};
use crate::support::faulty_store::FaultyStore;
use crate::support::http::Api;
use crate::support::socket::Socket;
use crate::support::until::until_seen;
use licence_broker::auth::Role;
use licence_broker::clock::Clock;
use licence_broker::domain::admission::LoginAnswer;
use licence_broker::domain::ids::{OrganisationId, SessionId};
use licence_broker::domain::reason::Departure;
use licence_broker::domain::reason::ResumeFailure;
use licence_broker::domain::release::Tick;
use licence_broker::domain::resume::ResumeAnswer;
use licence_broker::limits::bound::Bound;
use serde_json::{Value, json};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const GRACE_S: u32 = 60;
/// Nobody is silent for too long while the clock is turned.
const HEARTBEAT: Duration = Duration::from_secs(3_600);

async fn stage(clock: &Clock) -> Stage {
    let setup = Setup { clock: clock.clone(), heartbeat: HEARTBEAT, ..Setup::default() };
    let stage = Stage::with(setup).await;
    stage.organisation(1, 6, 6).await;
    stage
}

async fn resume(stage: &Stage, number: usize, welcome: &Value) -> Socket {
    let mut socket = stage.broker.connect(1, "session").await;
    let token = stage.broker.token(Role::Device, 1, &agent(number));
    let resume = json!({ "type": "resume", "token": token,
        "session": welcome["session"], "resume_token": welcome["resume_token"] });
    let resumed = socket.ask(resume).await;
    assert_eq!(resumed["type"], "resumed", "{resumed}");
    socket
}

async fn lingering(operator: &Api) -> usize {
    let sessions = operator.all("/v1/organisations/1/sessions").await;
    sessions.iter().filter(|session| session["state"] == "lingering").count()
}

#[tokio::test]
async fn while_the_first_login_waits_too_long_others_are_overloaded_and_resumes_pass() {
    let clock = Clock::manual(chrono::Utc::now());
    let stage = stage(&clock).await;
    let (lost, welcome) = stage.log_in(1, 0, json!({ "grace_s": GRACE_S })).await;
    lost.vanish();
    until_seen("a lingering session", async || {
        (lingering(&stage.operator).await == 1).then_some(())
    })
    .await;
    stage.store.hold();
    let mut first = stage.begin_login(1, 1, json!({})).await;
    stage.decided_are(1, 2).await;
    clock.advance(Duration::from_secs(5));
    let mut second = stage.begin_login(1, 2, json!({})).await;
    stage.decided_are(1, 3).await;
    clock.advance(Duration::from_millis(1));
    let mut beyond = stage.begin_login(1, 3, json!({})).await;
    assert_eq!(beyond.closed().await, (4004, "overloaded".to_owned()));

    let back = resume(&stage, 0, &welcome).await;
    assert!(is_silent(&mut first) && is_silent(&mut second), "no commit has ended");
    stage.store.release();
    for waiting in [&mut first, &mut second] {
        assert_eq!(waiting.message().await["type"], "logged_in");
    }
    let (at_last, _) = stage.log_in(1, 3, json!({})).await;
    let ledger = stage.audit(1, 6).await;
    assert_eq!(ledger.open().len(), 4 * 3, "whoever was sent away has left nothing");
    drop((first, second, back, at_last));
}

#[tokio::test]
async fn one_organisation_that_is_late_overloads_no_other() {
    let clock = Clock::manual(chrono::Utc::now());
    let stage = stage(&clock).await;
    stage.organisation(2, 1, 1).await;
    let late = stage.broker.inside.directory.find(OrganisationId::new(1).unwrap()).unwrap();
    let hold = block(&late).await;
    let mut first = stage.begin_login(1, 0, json!({})).await;
    until_seen("a login under way", async || {
        let mut levels = stage.broker.inside.admission.levels().into_iter();
        levels.any(|(bound, level)| bound == Bound::LoginsUnderWay && level > 0).then_some(())
    })
    .await;
    clock.advance(Duration::from_secs(6));
    let mut beyond = stage.begin_login(1, 1, json!({})).await;
    assert_eq!(beyond.closed().await.0, 4004);
    let (other, _) = stage.log_in(2, 0, json!({})).await;
    drop(hold);
    assert_eq!(first.message().await["type"], "logged_in");
    drop(other);
}

#[tokio::test]
async fn a_resume_that_came_in_time_keeps_its_seat_however_long_it_waits_to_be_decided() {
    let clock = Clock::manual(chrono::Utc::now());
    let stage = stage(&clock).await;
    let inside = &stage.broker.inside;
    let [early, late] = [SessionId(1), SessionId(2)];
    for (number, session) in [early, late].into_iter().enumerate() {
        let device = Puppet::new(inside, 1, session).await;
        let answer = device.log_in(&agent(number), GRACE_S).await.unwrap();
        assert!(matches!(answer, Ok(LoginAnswer::LoggedIn(_))), "{answer:?}");
        device.depart(Departure::ConnectionLost);
    }
    until_seen("two lingering sessions", async || {
        (lingering(&stage.operator).await == 2).then_some(())
    })
    .await;
    let [in_time, too_late] =
        [Puppet::new(inside, 1, early).await, Puppet::new(inside, 1, late).await];
    let newcomer = Puppet::new(inside, 1, SessionId(3)).await;

    let hold = block(&in_time.organisation).await;
    let grace = Duration::from_secs(GRACE_S.into());
    clock.advance(grace - Duration::from_millis(1));
    // Each decision begins by ending what is over, and so would this one in front of the resume.
    let login = newcomer.log_in(&agent(2), 0);
    let resumed = in_time.resume(&agent(0));
    clock.advance(Duration::from_millis(1));
    let failed = too_late.resume(&agent(1));
    clock.advance(grace);
    drop(hold);

    assert!(matches!(login.await.unwrap(), Ok(LoginAnswer::LoggedIn(_))));
    assert!(matches!(resumed.await.unwrap(), Ok(ResumeAnswer::Resumed(_))));
    // The login ended it first, so nobody knows it any more.
    let failure = ResumeFailure::UnknownSession;
    assert_eq!(failed.await.unwrap(), Ok(ResumeAnswer::Failed(failure)));
    inside.directory.ask(OrganisationId::new(1).unwrap(), Tick).await.unwrap();
    assert!(in_time.is_connected().await);
    let releases = stage.releases(1).await;
    assert!(releases.iter().all(|release| release.starts_with("agent-1 ")), "{releases:?}");
    assert_eq!(releases.len(), 3, "{releases:?}");
}

#[tokio::test]
async fn after_a_restart_grace_runs_from_readiness_however_long_that_takes() {
    let clock = Clock::manual(chrono::Utc::now());
    let folder = tempfile::TempDir::new().unwrap();
    let setup = || Setup {
        clock: clock.clone(),
        heartbeat: HEARTBEAT,
        database: Some(folder.path().join("kept.db")),
        ..Setup::default()
    };
    let stage = Stage::with(setup()).await;
    stage.organisation(1, 3, 3).await;
    let (_one, welcome) = stage.log_in(1, 0, json!({ "grace_s": GRACE_S })).await;
    let (_other, late) = stage.log_in(1, 1, json!({ "grace_s": GRACE_S })).await;
    // Without grace: what the start has to commit before it is ready.
    let (_third, _) = stage.log_in(1, 2, json!({})).await;
    let Stage { broker, store, .. } = stage;
    // So that it is the next start that has to release it.
    store.hold();
    // Whoever has the store open keeps others out of it.
    drop(store);
    broker.halt().await;

    let (sender, stores) = mpsc::channel();
    let wrap = Box::new(move |inner| {
        let store = FaultyStore::new(inner);
        store.hold();
        sender.send(store.clone()).unwrap();
        store as Arc<_>
    });
    let grace = Duration::from_secs(GRACE_S.into());
    let slowly = async {
        let store = stores.recv().unwrap();
        store.commits_begun(1).await;
        clock.advance(grace * 2);
        store.release();
        store
    };
    let (broker, store) = tokio::join!(TestBroker::with(Setup { wrap, ..setup() }), slowly);
    let operator = broker.operator();
    let stage = Stage { broker, store, operator };
    clock.advance(grace - Duration::from_millis(1));
    let back = resume(&stage, 0, &welcome).await;
    clock.advance(Duration::from_millis(1));
    let mut socket = stage.broker.connect(1, "session").await;
    let token = stage.broker.token(Role::Device, 1, &agent(1));
    let too_late = json!({ "type": "resume", "token": token,
        "session": late["session"], "resume_token": late["resume_token"] });
    socket.send(too_late).await;
    assert_eq!(socket.closed().await, (4508, "resume_failed".to_owned()));
    drop(back);
}
