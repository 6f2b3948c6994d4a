//! One agent: logs in, works until the connection is gone, and comes back with everybody else.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::{Herd, Stage};
use crate::backoff::backoff;
use crate::conversation::{Caller, Conversation, NotServed};
use crate::session::End;
use crate::wire::LoggedIn;

/// Lives through the whole run.
pub(crate) async fn live(caller: Caller, herd: Arc<Herd>, mut stage: watch::Receiver<Stage>) {
    let first = {
        // The semaphore is never closed, so this waits for a turn.
        let _turn = herd.turns.acquire().await;
        come(&caller, &herd, None).await
    };
    let Some((conversation, welcome)) = first else { return };
    herd.tally().logged_in();
    let how = work_until_gone(conversation, &herd, &mut stage).await;
    herd.tally().disconnected(&how);
    let Some(since) = until_returning(&mut stage).await else { return };
    let ticket = (caller.grace_s > 0).then_some(&welcome);
    herd.tally().begin_to_count();
    if let Some((conversation, again)) = come(&caller, &herd, ticket).await {
        herd.tally().back(since.elapsed(), ticket.is_some(), again.granted == welcome.granted);
        if let Err(how) = work_and_leave(conversation, &mut stage).await {
            herd.tally().lost(&format!("again: {how}"));
        }
    }
}

/// Tries until it is let in; `None` where that is not to be.
async fn come(
    caller: &Caller,
    herd: &Herd,
    ticket: Option<&LoggedIn>,
) -> Option<(Conversation, LoggedIn)> {
    let mut attempts = 0;
    loop {
        let attempt = Conversation::begin(&herd.target, caller, ticket, &herd.witness);
        match timeout(herd.answer_timeout, attempt).await {
            Ok(Ok(served)) => return Some(served),
            Ok(Err(NotServed::Later(why))) => herd.tally().sent_away(&why),
            Ok(Err(NotServed::Never(why))) => {
                herd.tally().lost(&why);
                return None;
            }
            Err(_) => herd.tally().timed_out(),
        }
        sleep(backoff(attempts, most_wait(caller.grace_s))).await;
        attempts += 1;
    }
}

/// Who has a grace to lose waits at most for half of it.
fn most_wait(grace_s: u64) -> Option<Duration> {
    (grace_s > 0).then(|| Duration::from_secs(grace_s) / 2)
}

/// Works until the connection ends or is to be dropped; how it ended.
async fn work_until_gone(
    mut conversation: Conversation,
    herd: &Herd,
    stage: &mut watch::Receiver<Stage>,
) -> String {
    let stayed = conversation.stay(reached(stage, Stage::Proving)).await;
    let proof = if stayed.is_ok() { conversation.prove().await } else { Ok(()) };
    herd.tally().shown();
    if let Err(end) = stayed {
        return ended(conversation, end).await;
    }
    if let Err(how) = proof {
        return how;
    }
    match conversation.stay(reached(stage, Stage::Dropping)).await {
        Ok(()) => "dropped".to_owned(),
        Err(end) => ended(conversation, end).await,
    }
}

/// Works until it is time to leave, and logs out; in words what went wrong.
async fn work_and_leave(
    mut conversation: Conversation,
    stage: &mut watch::Receiver<Stage>,
) -> Result<(), String> {
    match conversation.stay(reached(stage, Stage::Leaving)).await {
        Ok(()) => conversation.log_out().await,
        Err(end) => Err(ended(conversation, end).await),
    }
}

async fn ended(conversation: Conversation, end: End) -> String {
    if matches!(end, End::Closed(_)) {
        conversation.see_out().await;
    }
    end.in_words()
}

/// Waits for a stage, or a later one, or for the run to be over.
async fn reached(stage: &mut watch::Receiver<Stage>, awaited: Stage) {
    // An error says that the run is over.
    let _ = stage.wait_for(|stage| *stage >= awaited).await;
}

/// The moment from which everybody comes back; `None` if it is time to leave.
async fn until_returning(stage: &mut watch::Receiver<Stage>) -> Option<Instant> {
    loop {
        match *stage.borrow_and_update() {
            Stage::Returning(since) => return Some(since),
            Stage::Leaving => return None,
            Stage::Working | Stage::Proving | Stage::Dropping => {}
        }
        stage.changed().await.ok()?;
    }
}
