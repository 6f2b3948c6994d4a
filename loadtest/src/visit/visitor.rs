//! One agent: comes, stays, leaves, and comes again.

use std::sync::Arc;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{Scene, Visit, bare};
use crate::backoff::backoff;
use crate::baseline::turn::Server;
use crate::conversation::{Caller, Conversation, NotServed};
use crate::limits::{GIVE_UP_AFTER, VISITOR_BACKOFF_MAX};
use crate::session::End;
use crate::wire::LoggedIn;

/// Pays one visit after the other.
pub(crate) async fn live(caller: Arc<Caller>, visits: Vec<Visit>, scene: Arc<Scene>) {
    for visit in visits {
        match scene.server {
            Server::Broker => Visitor { caller: &caller, visit, scene: &scene }.pay().await,
            Server::Bare => bare::pay(&caller, visit, &scene).await,
        }
    }
}

struct Visitor<'a> {
    caller: &'a Caller,
    visit: Visit,
    scene: &'a Scene,
}

/// How a stay ended.
enum Over {
    /// It was time to leave; how that went.
    Left(String),
    /// The connection was lost before.
    Lost(String),
}

impl Visitor<'_> {
    /// From the first attempt to the logout, with as many returns between as it takes.
    async fn pay(&self) {
        let (mut due, of_outage) = self.scene.due(self.visit.comes);
        sleep_until(due).await;
        let mut phase = of_outage.unwrap_or_else(|| self.scene.number(self.visit.comes_in));
        let mut ticket = None;
        loop {
            self.scene.phase(phase).begun(due.elapsed());
            let Some((conversation, welcome)) = self.come(due, phase, ticket).await else { return };
            let how = match self.stay(conversation).await {
                Over::Left(how) => return self.left(&how),
                Over::Lost(how) => how,
            };
            let (again, of_outage) = self.scene.due(Instant::now());
            phase = of_outage.unwrap_or_else(|| self.scene.number(self.visit.comes_in));
            self.scene.phase(phase).lost(&how, of_outage.is_some());
            if again >= self.visit.leaves {
                return;
            }
            due = again;
            sleep_until(due).await;
            ticket = (self.caller.grace_s > 0).then_some(welcome);
        }
    }

    /// Tries until it is let in; `None` where that is not to be. A session that cannot be resumed is
    /// followed by another.
    async fn come(
        &self,
        due: Instant,
        phase: usize,
        mut ticket: Option<LoggedIn>,
    ) -> Option<(Conversation, LoggedIn)> {
        let Self { caller, scene, .. } = self;
        let mut attempts = 0;
        while due.elapsed() < GIVE_UP_AFTER {
            let attempt =
                Conversation::begin(&scene.target, caller, ticket.as_ref(), &scene.witness);
            match timeout(scene.answer_timeout, attempt).await {
                Ok(Ok((conversation, welcome))) => {
                    let (is_resumed, is_full) = (ticket.is_some(), welcome.denied.is_empty());
                    let mut tally = scene.phase(phase);
                    tally.upgraded(conversation.upgraded.saturating_duration_since(due));
                    tally.served(due.elapsed(), is_resumed, is_full);
                    return Some((conversation, welcome));
                }
                Ok(Err(NotServed::Later(why))) => scene.phase(phase).sent_away(&why),
                Ok(Err(NotServed::Never(why))) if ticket.take().is_some() => {
                    scene.phase(phase).sent_away(&format!("resume: {why}"));
                    continue;
                }
                Ok(Err(NotServed::Never(why))) => {
                    scene.phase(phase).refused(&why);
                    return None;
                }
                Err(_) => scene.phase(phase).timed_out(),
            }
            sleep(backoff(attempts, Some(VISITOR_BACKOFF_MAX))).await;
            attempts += 1;
        }
        scene.phase(phase).gave_up();
        None
    }

    async fn stay(&self, mut conversation: Conversation) -> Over {
        let drops_at = self.scene.outage.get().filter(|outage| outage.is_played).map(|o| o.begins);
        let drops_at = drops_at.filter(|at| *at < self.visit.leaves && *at > Instant::now());
        let until = drops_at.unwrap_or(self.visit.leaves);
        match conversation.stay(sleep_until(until)).await {
            Ok(()) if drops_at.is_some() => Over::Lost("dropped".to_owned()),
            Ok(()) => {
                Over::Left(conversation.log_out().await.err().unwrap_or("logged out".to_owned()))
            }
            Err(end) => {
                if matches!(end, End::Closed(_)) {
                    conversation.see_out().await;
                }
                Over::Lost(end.in_words())
            }
        }
    }

    fn left(&self, how: &str) {
        self.scene.labelled(self.visit.leaves_in).left(how);
    }
}
