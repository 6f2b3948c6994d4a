//! One login from the moment it is due to the end of its session.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::cli::Leave;
use crate::limits::{CLOSE_WAIT, FIRST_PING_SPREAD, HEARTBEAT_S, HOPS_MAX, LEAVE_WAIT, MOVED};
use crate::population::Device;
use crate::run::{Phase, Run};
use crate::session::{End, Heard, Session, code_in_words};
use crate::socket::{NotOpened, Socket};
use crate::wire::{LoggedIn, Request};

/// A login that is to be made.
pub(crate) struct Login {
    pub(crate) organisation: u64,
    pub(crate) user: Arc<str>,
    pub(crate) device: Device,
    /// `Bearer` and the user's token.
    pub(crate) authorization: HeaderValue,
    /// `None`: the system chooses.
    pub(crate) source: Option<Ipv4Addr>,
    pub(crate) due: Instant,
}

/// Logs in, stays until the phase says to leave, and leaves.
pub(crate) async fn live(login: Login, run: Arc<Run>, phase: watch::Receiver<Phase>) {
    run.tally().begun(login.due.elapsed());
    let deadline = Instant::now() + run.login_timeout;
    let mut hops = 0;
    let (mut session, decided) = loop {
        let Some(socket) = open(&login, &run, deadline, hops == 0).await else {
            return;
        };
        let mut session = Session::new(&run, &login, socket);
        let decided = timeout_at(deadline, session.log_in()).await;
        if !matches!(decided, Ok(Err(End::Closed(Some(MOVED))))) || hops == HOPS_MAX {
            break (session, decided);
        }
        hops += 1;
        run.audit().ended(session.audited);
        run.tally().outcomes.close_codes.add(&code_in_words(Some(MOVED)));
        session.socket.see_out().await;
    };
    let audited = session.audited;
    let over = match decided {
        Ok(Ok(true)) => session.stay_and_leave(phase).await,
        Ok(Ok(false)) => session.await_close().await,
        Ok(Err(end)) => {
            run.tally().ended_undecided(&end.in_words());
            Some(end)
        }
        Err(_) => {
            run.tally().timed_out();
            None
        }
    };
    run.audit().ended(audited);
    if let Some(End::Closed(code)) = over {
        run.tally().outcomes.close_codes.add(&code_in_words(code));
        session.socket.see_out().await;
    }
}

/// Of several attempts of one login the first is timed.
async fn open(login: &Login, run: &Run, deadline: Instant, is_first: bool) -> Option<Socket> {
    let opening = Socket::open(&run.target, login.organisation, &login.authorization, login.source);
    let opened = timeout_at(deadline, opening).await;
    let mut tally = run.tally();
    match opened {
        Ok(Ok(socket)) => {
            if is_first {
                tally.upgraded(login.due.elapsed());
            }
            return Some(socket);
        }
        Ok(Err(NotOpened::Http(status))) => tally.http_error(status),
        Ok(Err(NotOpened::Transport(why))) => tally.not_connected(&why),
        Err(_) => tally.timed_out(),
    }
    None
}

impl Session<'_> {
    /// Whether the login was granted.
    async fn log_in(&mut self) -> Result<bool, End> {
        let device = self.login.device.name();
        self.ask(|id| Request::Login { id, device, wait: false }).await?;
        loop {
            match self.hear().await? {
                Heard::LoggedIn(answer) => {
                    self.logged_in(&answer);
                    return Ok(true);
                }
                Heard::Refused { reason, denied } => {
                    let after = self.login.due.elapsed();
                    self.run.tally().login_refused(after, &reason, &denied);
                    return Ok(false);
                }
                Heard::Answer | Heard::Nothing => {}
            }
        }
    }

    fn logged_in(&mut self, answer: &LoggedIn) {
        let mut tally = self.run.tally();
        tally.logged_in(self.login.due.elapsed(), &answer.denied);
        if *answer.user != *self.login.user || answer.device != self.login.device.name() {
            tally.outcomes.faults.add("logged in as someone else");
        }
        self.heartbeat = Duration::from_secs(answer.heartbeat_s.unwrap_or(HEARTBEAT_S).max(1));
    }

    /// After a refusal; `None` where the broker does not close in time.
    async fn await_close(&mut self) -> Option<End> {
        let closed = timeout(CLOSE_WAIT, self.until_over()).await.ok();
        if closed.is_none() {
            self.run.tally().outcomes.faults.add("not closed after the refusal");
        }
        closed
    }

    async fn stay_and_leave(&mut self, mut phase: watch::Receiver<Phase>) -> Option<End> {
        if let Err(end) = self.stay(&mut phase).await {
            self.run.tally().outcomes.ended_early.add(&end.in_words());
            return Some(end);
        }
        match self.run.leave {
            Leave::Logout => self.log_out().await,
            Leave::Drop => self.prove_and_drop(&mut phase).await,
        }
    }

    /// Answers nothing and asks for a sign of life now and then, until it is time to leave.
    async fn stay(&mut self, phase: &mut watch::Receiver<Phase>) -> Result<(), End> {
        let mut ping_at = Instant::now() + self.ping_interval();
        while *phase.borrow_and_update() < Phase::Leaving {
            let lease_ends = self.seen + self.heartbeat.mul_f64(1.5);
            select! {
                heard = self.hear() => { heard?; }
                changed = phase.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    ping_at = Instant::now() + FIRST_PING_SPREAD.mul_f64(rand::random());
                }
                () = sleep_until(ping_at) => {
                    ping_at = Instant::now() + self.ping_interval();
                    self.ask(|id| Request::Ping { id }).await?;
                }
                () = sleep_until(lease_ends) => return Err(End::Lost("lease over".to_owned())),
            }
        }
        Ok(())
    }

    /// Half a heartbeat, give or take a quarter of it, so that pings do not come in step.
    fn ping_interval(&self) -> Duration {
        self.heartbeat.mul_f64(0.375 + rand::random::<f64>() / 4.0)
    }

    async fn log_out(&mut self) -> Option<End> {
        let leaving = async {
            self.ask(|id| Request::Logout { id }).await?;
            self.until_answered().await?;
            Ok::<End, End>(self.until_over().await)
        };
        let (how, end) = match timeout(LEAVE_WAIT, leaving).await {
            Ok(Ok(end)) => {
                if matches!(end, End::Lost(_)) {
                    self.fault("no close frame after logged_out");
                }
                ("logged_out".to_owned(), Some(end))
            }
            Ok(Err(end)) => (format!("logout unanswered: {}", end.in_words()), Some(end)),
            Err(_) => ("logout unanswered, or not closed after it".to_owned(), None),
        };
        self.run.tally().outcomes.left.add(&how);
        end
    }

    /// A last ping, so that the auditor may count the hold to its very end, and no farewell: the connection
    /// is dropped when everybody else's is.
    async fn prove_and_drop(&mut self, phase: &mut watch::Receiver<Phase>) -> Option<End> {
        let leaving = async {
            self.ask(|id| Request::Ping { id }).await?;
            self.until_answered().await
        };
        let (how, end) = match timeout(LEAVE_WAIT, leaving).await {
            Ok(Ok(())) => ("dropped".to_owned(), None),
            Ok(Err(end)) => (format!("ended before the drop: {}", end.in_words()), Some(end)),
            Err(_) => ("dropped, last ping unanswered".to_owned(), None),
        };
        self.run.tally().outcomes.left.add(&how);
        // An error says that the run is over.
        let _ = phase.wait_for(|phase| *phase >= Phase::Dropping).await;
        end
    }
}
