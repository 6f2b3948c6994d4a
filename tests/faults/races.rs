//! Moments between two things, held open.

use crate::puppet::{Panic, Puppet, all_logged_in, block, panic};
use crate::stage::{Stage, agent};
use crate::support::faulty_store::Fault;
use crate::support::until::until_seen;
use licence_broker::actor::link::ToDevice;
use licence_broker::actor::reply::{Reply, Unavailable};
use licence_broker::domain::event::Notice;
use licence_broker::domain::ids::SessionId;
use licence_broker::domain::reason::Departure;
use licence_broker::domain::resume::ResumeAnswer;

#[tokio::test]
async fn a_goodbye_that_died_with_the_actor_is_remembered() {
    let stage = Stage::start().await;
    stage.organisation(1, 1, 1).await;
    let puppet = Puppet::new(&stage.broker.inside, 1, SessionId(1)).await;
    // In this order the actor finds them: the goodbye is dropped with its mailbox.
    let hold = block(&puppet.organisation).await;
    let login = puppet.log_in(&agent(0), 60);
    puppet.organisation.submit(Panic, None, Reply::nobody());
    puppet.depart(Departure::Unanswered);
    drop(hold);
    assert_eq!(login.await.unwrap(), Err(Unavailable));
    let releases = stage.released(1, 3).await;
    assert!(releases.iter().all(|release| release.ends_with("connection_lost")), "{releases:?}");
    assert!(stage.audit(1, 1).await.open().is_empty());
}

#[tokio::test]
async fn a_resume_that_was_not_answered_leaves_the_session_where_it_was() {
    const DEVICES: usize = 12;
    let stage = Stage::start().await;
    stage.organisation(1, DEVICES + 1, 20).await;
    let inside = &stage.broker.inside;
    let mut devices = Vec::new();
    for number in 0..DEVICES {
        devices.push(Puppet::new(inside, 1, SessionId(1 + number as u128)).await);
    }
    let logins = devices.iter().enumerate();
    all_logged_in(logins.map(|(number, device)| device.log_in(&agent(number), 60)).collect()).await;

    // Behind what was decided of the session and is not kept yet, resumes are decided and not answered.
    let commits = stage.store.commits();
    stage.store.hold();
    let held = Puppet::new(inside, 1, SessionId(99)).await;
    let login = held.log_in(&agent(DEVICES), 0);
    stage.store.commits_begun(commits + 1).await;
    let (mut again, mut answers) = (Vec::new(), Vec::new());
    for (number, device) in devices.iter().enumerate() {
        drop(device.release("agent_sms"));
        let second = Puppet::new(inside, 1, device.link.session).await;
        answers.push(second.resume(&agent(number)));
        again.push(second);
    }
    panic(inside, 1).await;
    stage.store.release();
    assert_eq!(login.await.unwrap(), Err(Unavailable));
    for answer in answers {
        assert_eq!(answer.await.unwrap(), Err(Unavailable));
    }
    until_seen("the actor is back", async || stage.decided(1).await).await;
    for device in &again {
        device.depart(Departure::StorageUnavailable);
    }
    for device in &devices {
        assert!(device.is_connected().await, "nobody was told that it moved");
    }
}

#[tokio::test]
async fn what_was_granted_behind_a_resume_that_was_lost_is_told_where_the_session_was() {
    let stage = Stage::start().await;
    stage.organisation(1, 3, 3).await;
    stage.operator.buy(1, "agent_sms", 1, 0).await;
    let inside = &stage.broker.inside;
    let holder = Puppet::new(inside, 1, SessionId(1)).await;
    let mut device = Puppet::new(inside, 1, SessionId(2)).await;
    let other = Puppet::new(inside, 1, SessionId(3)).await;
    let logins = [&holder, &device, &other].into_iter().enumerate();
    all_logged_in(logins.map(|(number, device)| device.log_in(&agent(number), 60)).collect()).await;

    // The first is committed by itself. What follows it goes together, and is applied unanswered.
    stage.store.hold();
    drop(other.release("agent_email"));
    drop(device.release("agent_email"));
    let again = Puppet::new(inside, 1, device.link.session).await;
    let answer = again.resume(&agent(1));
    drop(holder.release("agent_sms"));
    let hold = block(&device.organisation).await;
    stage.store.release();
    until_seen("the first commit", async || (stage.releases(1).await.len() == 1).then_some(()))
        .await;
    stage.store.plan(Fault::ApplyUnknown, 1);
    drop(hold);
    assert_eq!(answer.await.unwrap(), Err(Unavailable));
    again.depart(Departure::StorageUnavailable);
    let told = until_seen("a notice", async || device.heard.try_recv().ok()).await;
    let ToDevice::Notice(Notice::Granted(granted)) = told else { panic!("{told:?}") };
    assert_eq!(granted.len(), 1);
    assert!(device.is_connected().await, "nobody was told that it moved");
    stage.audit(1, 3).await;
}

#[tokio::test]
async fn a_resume_that_others_commits_do_not_concern_is_answered_and_outlives_their_failure() {
    let stage = Stage::start().await;
    stage.organisation(1, 2, 2).await;
    let inside = &stage.broker.inside;
    let device = Puppet::new(inside, 1, SessionId(1)).await;
    all_logged_in(vec![device.log_in(&agent(0), 60)]).await;
    let commits = stage.store.commits();
    stage.store.hold();
    let other = Puppet::new(inside, 1, SessionId(2)).await;
    let login = other.log_in(&agent(1), 0);
    stage.store.commits_begun(commits + 1).await;
    let moved = Puppet::new(inside, 1, SessionId(1)).await;
    let answer = moved.resume(&agent(0)).await.unwrap();
    assert!(matches!(answer, Ok(ResumeAnswer::Resumed(_))), "{answer:?}");

    stage.store.plan(Fault::Abort, 1);
    stage.store.release();
    assert_eq!(login.await.unwrap(), Err(Unavailable));
    until_seen("the actor is back", async || stage.decided(1).await).await;
    assert!(moved.is_connected().await, "it was told that it is");
    assert!(!device.is_connected().await, "it was told that it moved");
    stage.store.calm();
    let ledger = stage.audit(1, 2).await;
    assert_eq!(ledger.open().len(), 3);
}
