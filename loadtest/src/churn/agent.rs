//! An agent who comes and goes, in every way there is.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Shared;
use super::talk::{Arrival, Credentials, Over, Talk};
use crate::limits::LEAVE_WAIT;
use crate::population::Device;
use crate::socket::{NotOpened, Socket};
use crate::tally::microseconds;

/// Seconds of grace that some lives ask for; most who lose their connection are back by then.
const GRACE_S: u64 = 20;
/// Things that are done in one life at most.
const DEEDS_MAX: usize = 4;
/// Between two of them.
const DEED_PAUSE_MS: u64 = 400;

/// Closes that a well-behaved agent meets when there is not enough for everybody.
const REFUSALS: [u16; 2] = [4010, 4011];
/// The close of the session that another took over.
const SUPERSEDED: u16 = 4504;
/// The close of a resume whose grace is over.
const RESUME_FAILED: u16 = 4508;

/// Who it is, and where they connect from.
pub(crate) struct Slot {
    pub(crate) organisation: u64,
    pub(crate) user: Arc<str>,
    pub(crate) authorization: HeaderValue,
    pub(crate) device: Device,
    pub(crate) source: Option<Ipv4Addr>,
    pub(crate) seed: u64,
}

struct Agent {
    slot: Slot,
    shared: Arc<Shared>,
    rng: StdRng,
    /// Of a session that lingers, as far as they know.
    lost: Option<Credentials>,
    /// When this life was due, and what it has spent since by its own choice.
    due: Instant,
}

/// Lives one life after the other until it is time to leave. Each is due a pause after the one before would
/// have ended if the broker had answered at once: a slow broker does not slow down the arrivals.
pub(crate) async fn live(slot: Slot, shared: Arc<Shared>, mut leaving: watch::Receiver<bool>) {
    let rng = StdRng::seed_from_u64(slot.seed);
    let due = Instant::now();
    let mut agent = Agent { slot, shared, rng, lost: None, due };
    loop {
        agent.due += agent.shared.pause.mul_f64(agent.rng.random_range(0.0..2.0));
        select! {
            _ = leaving.wait_for(|leaving| *leaving) => return,
            () = sleep_until(agent.due) => {}
        }
        let late = microseconds(agent.due.elapsed());
        agent.shared.arrivals().begun.saturating_record(late);
        agent.live_once().await;
    }
}

impl Agent {
    async fn live_once(&mut self) {
        let has_grace = self.rng.random_bool(0.5);
        let lost = self.lost.take();
        let Some((mut talk, credentials)) = self.arrive(lost, has_grace, Some(self.due)).await
        else {
            return;
        };
        if self.work(&mut talk).await.is_err() {
            return self.shared.fault("a session ended under its agent");
        }
        match self.rng.random_range(0..6) {
            0 | 1 => self.log_out(talk).await,
            2 => {
                self.shared.outcome("left by a close frame");
                talk.close().await;
            }
            3 => self.take_over(talk).await,
            _ => {
                self.shared.outcome("dropped without a close frame");
                drop(talk);
                self.lost = has_grace.then_some(credentials);
            }
        }
    }

    /// Logs in or resumes; `None` if there is no session. How long it took counts where it was due.
    async fn arrive(
        &mut self,
        lost: Option<Credentials>,
        has_grace: bool,
        due: Option<Instant>,
    ) -> Option<(Talk, Credentials)> {
        let socket = self.open().await?;
        let mut talk = Talk::new(&self.shared, self.slot.organisation, &self.slot.user, socket);
        let resumes = lost.is_some();
        let first = self.first_message(lost, has_grace);
        match talk.arrive(first).await {
            Ok(Arrival::In(credentials)) => {
                if let Some(due) = due {
                    let after = microseconds(due.elapsed());
                    self.shared.arrivals().licence.saturating_record(after);
                }
                self.shared.outcome(if resumes { "resumed" } else { "logged in" });
                Some((talk, credentials))
            }
            Ok(Arrival::Refused(reason)) => {
                self.shared.outcome(&format!("refused: {reason}"));
                let code = talk.until_closed().await;
                if !code.is_some_and(|code| REFUSALS.contains(&code)) {
                    self.shared.fault(&format!("closed with {code:?} after a refusal"));
                }
                None
            }
            Err(Over(Some(RESUME_FAILED))) if resumes => {
                self.shared.outcome("resume came too late");
                None
            }
            Err(Over(code)) => {
                self.shared.fault(&format!("closed with {code:?} before there was a session"));
                None
            }
        }
    }

    async fn open(&self) -> Option<Socket> {
        let Slot { organisation, authorization, source, .. } = &self.slot;
        let opening = Socket::open(&self.shared.target, *organisation, authorization, *source);
        match timeout(LEAVE_WAIT, opening).await {
            Ok(Ok(socket)) => return Some(socket),
            Ok(Err(NotOpened::Http(status))) => self.shared.fault(&format!("HTTP {status}")),
            Ok(Err(NotOpened::Transport(why))) => self.shared.fault(&why),
            Err(_) => self.shared.fault("no upgrade in time"),
        }
        None
    }

    fn first_message(&mut self, lost: Option<Credentials>, has_grace: bool) -> Value {
        match lost {
            Some(Credentials { session, resume_token }) => {
                json!({"type": "resume", "session": session, "resume_token": resume_token})
            }
            None => json!({
                "type": "login", "device": self.slot.device.name(),
                "wait": self.rng.random_bool(0.3), "grace_s": if has_grace { GRACE_S } else { 0 },
            }),
        }
    }

    /// A few things that agents do.
    async fn work(&mut self, talk: &mut Talk) -> Result<(), Over> {
        for _ in 0..self.rng.random_range(0..=DEEDS_MAX) {
            let pause = Duration::from_millis(self.rng.random_range(0..DEED_PAUSE_MS));
            sleep(pause).await;
            self.due += pause;
            let channel = self.slot.device.channels().choose(&mut self.rng);
            let deed = match self.rng.random_range(0..5) {
                0 | 1 => json!({"type": "release", "channels": [channel]}),
                2 | 3 => {
                    let wait = self.rng.random_bool(0.3);
                    json!({"type": "acquire", "channels": [channel], "wait": wait})
                }
                _ => json!({"type": "ping"}),
            };
            talk.ask(deed).await?;
        }
        Ok(())
    }

    async fn log_out(&mut self, mut talk: Talk) {
        self.shared.outcome("logged out");
        let answer = talk.ask(json!({"type": "logout"})).await;
        if !answer.is_ok_and(|answer| answer["type"] == "logged_out") {
            return self.shared.fault("a logout that was not answered");
        }
        let code = talk.until_closed().await;
        if code != Some(1000) {
            self.shared.fault(&format!("closed with {code:?} after a logout"));
        }
    }

    /// Logs in again on the same kind of device: the first session's end is the second's beginning.
    async fn take_over(&mut self, first: Talk) {
        let Some((second, _)) = self.arrive(None, false, None).await else {
            // Refused, and the first is untouched: it is dropped here.
            return self.shared.outcome("a takeover was refused");
        };
        self.shared.outcome("took over");
        let code = first.until_closed().await;
        if code != Some(SUPERSEDED) {
            self.shared.fault(&format!("closed with {code:?} after a takeover"));
        }
        self.log_out(second).await;
    }
}
