//! What happens in a step: mostly sensible, sometimes stale, wrong or late.

use crate::device::{Conn, MayResume, Stage, Start};
use crate::world::{FEATURES, Ticket, World, settle, word};
use chrono::TimeDelta;
use licence_broker::actor::link::{Marks, ToDevice};
use licence_broker::actor::reply::Reply;
use licence_broker::domain::admission::{Acquire, Login, Wanted};
use licence_broker::domain::event::Effects;
use licence_broker::domain::ids::{LinkId, ResumeDigest, SessionId};
use licence_broker::domain::moment::Moment;
use licence_broker::domain::organisation::{Command, Organisation};
use licence_broker::domain::reason::{Departure, Device};
use licence_broker::domain::release::{ForceLogout, Release};
use licence_broker::domain::resume::Resume;
use std::sync::Arc;
use std::time::Duration;

/// What an actor says that dies as its seed has it.
pub(crate) const PANIC: &str = "an actor that panics, as drawn";

/// Something that a decision must never do.
struct Panic;

impl Command for Panic {
    type Answer = ();

    fn decide(self, _: &mut Organisation, _: Moment, _: &mut Effects) {
        std::panic::panic_any(PANIC);
    }
}

impl World {
    /// Does one thing, lets some of what it leads to happen, and looks. Whether the broker dies of it.
    pub(crate) async fn step(&mut self) -> bool {
        match self.random.below(1_000) {
            0..260 => self.log_in(),
            260..330 => self.lose(),
            330..370 => self.log_out(),
            370..470 => self.resume(),
            470..560 => self.acquire(),
            560..600 => self.release(),
            600..640 => self.goodbye_again(),
            640..665 => self.fall_silent(),
            665..690 => self.freeze(),
            690..720 => self.force(),
            720..755 => self.buy(),
            755..800 => self.provision(),
            800..815 => self.step_clock().await,
            815..850 => self.follow().await,
            850..855 => self.drain(),
            855..861 => self.panic(),
            861..881 => self.ask_just_as_a_grace_runs_out().await,
            881..975 => self.pass_some().await,
            975..992 => self.quiet().await,
            _ => {
                // In the middle of whatever is under way.
                settle_some(self).await;
                self.hear();
                return true;
            }
        }
        settle_some(self).await;
        self.hear();
        false
    }

    async fn pass_some(&mut self) {
        let millis = match self.random.below(10) {
            0..3 => 1 + self.random.below(50),
            3..7 => 500 + self.random.below(20_000),
            _ => 20_000 + self.random.below(280_000),
        };
        self.pass(Duration::from_millis(millis)).await;
    }

    fn someone(&mut self) -> (usize, Arc<str>) {
        let places: Vec<usize> = (0..self.tenants.len()).collect();
        let place = *self.random.pick(&places);
        let user = self.random.pick(&self.tenants[place].users).clone();
        (place, user)
    }

    /// A connection that is logged in, if there is any.
    pub(crate) fn anyone(&mut self) -> Option<usize> {
        let here = self.conns.iter().filter(|(_, conn)| conn.stage == Stage::In && !conn.is_silent);
        let here: Vec<usize> = here.map(|(id, _)| *id).collect();
        (!here.is_empty()).then(|| *self.random.pick(&here))
    }

    fn connect(&mut self, ticket: &Ticket) -> usize {
        let now = self.clock.now();
        let id = self.next_conn;
        self.next_conn += 1;
        let hours = if self.random.chance(4) { 1 } else { 24 * 60 };
        let token_until = now.at + TimeDelta::hours(hours);
        let conn = Conn::new(Start {
            conn: id,
            organisation: self.organisation(ticket.place),
            place: ticket.place,
            user: &ticket.user,
            device: ticket.device,
            session: ticket.session,
            digest: ticket.digest,
            marks: Marks::new(now.elapsed, token_until),
            token_until,
            store: self.store.clone(),
            post: self.post.clone(),
        });
        self.conns.insert(id, conn);
        id
    }

    fn log_in(&mut self) {
        let (place, user) = self.someone();
        let devices = [Device::AgentDesktop, Device::AgentDesktop, Device::Deskphone];
        let device = *self.random.pick(&devices);
        let now = self.clock.now();
        let millis = u128::from(now.at.timestamp_millis().unsigned_abs());
        let session = SessionId((millis << 80) | (u128::from(self.random.next()) << 8));
        let digest = ResumeDigest([u8::try_from(self.random.below(256)).expect("a byte"); 32]);
        let id = self.connect(&Ticket { place, session, user: user.clone(), device, digest });
        let wanted =
            if self.random.chance(50) { Wanted::Assigned } else { Wanted::Named(self.features()) };
        let login = Login {
            session,
            link: LinkId(id as u64),
            user,
            device,
            wanted,
            wait: self.random.chance(55),
            grace_s: if self.random.chance(55) {
                20 + u32::from(self.random.chance(50)) * 40
            } else {
                0
            },
            resume: digest,
            address: "simulated".into(),
        };
        let conn = &self.conns[&id];
        conn.submit(login, Some(conn.link()), crate::device::Said::Login);
    }

    fn features(&mut self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        for key in FEATURES {
            if self.random.chance(45) {
                names.push((*key).into());
            }
        }
        if self.random.chance(4) {
            names.push("no_such_licence".into());
        }
        names
    }

    /// A connection breaks; half of them come back at once, before anybody knows.
    fn lose(&mut self) {
        let ids: Vec<usize> = self.conns.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = *self.random.pick(&ids);
        let conn = &self.conns[&id];
        if conn.stage == Stage::LoggingOut {
            return;
        }
        self.coverage.count("fault: connection lost");
        let departure = conn.unless_said();
        let departure = if departure == Departure::ConnectionLost && self.random.chance(15) {
            Departure::Misbehaved
        } else {
            departure
        };
        self.let_go(id, departure);
    }

    fn log_out(&mut self) {
        if let Some(id) = self.anyone() {
            self.log_out_of(id);
        }
    }

    pub(crate) fn log_out_of(&mut self, id: usize) {
        let elapsed = self.clock.now().elapsed;
        let conn = self.conns.get_mut(&id).expect("it is there");
        conn.stage = Stage::LoggingOut;
        conn.log_out();
        let (place, session) = (conn.place, conn.session.0);
        self.auditor.goodbye(place, session, word(Departure::Logout), elapsed);
    }

    fn resume(&mut self) {
        if self.tickets.is_empty() {
            return;
        }
        let latest = self.tickets.len().saturating_sub(14);
        let mut ticket = self.random.pick(&self.tickets[latest..]).clone();
        let is_wrong = self.random.chance(10);
        if is_wrong {
            ticket.digest.0[31] ^= 1;
        }
        let elapsed = self.clock.now().elapsed;
        let loaded = self.store.loaded(self.tenants[ticket.place].id);
        let is_here = self.conns.values().any(|conn| conn.session == ticket.session);
        let is_late =
            !is_here && self.auditor.grace_is_over(ticket.place, ticket.session.0, elapsed, loaded);
        let may = if is_wrong || is_late { MayResume::Never } else { MayResume::Yes };
        self.coverage.count(if is_wrong {
            "resume with a wrong token"
        } else if is_late {
            "resume after its grace"
        } else {
            "resume"
        });
        let id = self.connect(&ticket);
        let durable = self.store.durable(self.tenants[ticket.place].id);
        let conn = self.conns.get_mut(&id).expect("just connected");
        conn.stage = Stage::Resuming;
        conn.asked = (durable, may);
        let command = Resume {
            session: ticket.session,
            link: conn.link,
            user: ticket.user.clone(),
            resume: ticket.digest,
        };
        let conn = &self.conns[&id];
        conn.submit(command, Some(conn.link()), crate::device::Said::Resume);
        if !is_wrong {
            self.auditor.resume_sent(ticket.place, ticket.session.0);
        }
    }

    fn acquire(&mut self) {
        let Some(id) = self.anyone() else { return };
        let (channels, wait) = (self.features(), self.random.chance(60));
        let conn = &self.conns[&id];
        let command = Acquire { session: conn.session, link: conn.link, channels, wait };
        conn.submit(command, None, crate::device::Said::Acquire);
    }

    fn release(&mut self) {
        let Some(id) = self.anyone() else { return };
        let channel = *self.random.pick(FEATURES);
        let conn = &self.conns[&id];
        self.auditor.release_asked(conn.place, conn.session.0);
        let channels = vec![channel.into()];
        let command = Release { session: conn.session, link: conn.link, channels };
        conn.submit(command, None, crate::device::Said::Release);
    }

    /// A goodbye that was late arrives, or one that arrived already comes again.
    fn goodbye_again(&mut self) {
        if !self.late.is_empty() && self.random.chance(70) {
            let at = usize::try_from(self.random.below(self.late.len() as u64)).expect("few");
            let (conn, departure) = self.late.remove(at);
            conn.depart(departure, Reply::nobody());
            self.remember(conn, departure);
        } else if !self.ghosts.is_empty() {
            self.coverage.count("fault: goodbye twice");
            let (conn, departure) = self.random.pick(&self.ghosts);
            conn.depart(*departure, Reply::nobody());
        }
    }

    fn fall_silent(&mut self) {
        let Some(id) = self.anyone() else { return };
        self.coverage.count("fault: silent peer");
        let elapsed = self.clock.now().elapsed;
        let conn = self.conns.get_mut(&id).expect("it is there");
        conn.is_silent = true;
        let (place, session) = (conn.place, conn.session.0);
        self.auditor.goodbye(place, session, "silent", elapsed);
    }

    /// Takes nothing for a while, or does again.
    fn freeze(&mut self) {
        let frozen = self.conns.iter().find(|(_, conn)| conn.thaw.is_some()).map(|(id, _)| *id);
        if let Some(id) = frozen.filter(|_| self.random.chance(30)) {
            self.conns.get_mut(&id).expect("it is there").thaw = None;
            return;
        }
        let Some(id) = self.anyone() else { return };
        self.coverage.count("fault: slow reader");
        let elapsed = self.clock.now().elapsed;
        let conn = self.conns.get_mut(&id).expect("it is there");
        conn.freeze();
        let (place, session) = (conn.place, conn.session.0);
        for how in ["silent", "lost"] {
            self.auditor.goodbye(place, session, how, elapsed);
        }
    }

    fn force(&mut self) {
        if self.tickets.is_empty() {
            return;
        }
        self.coverage.count("forced");
        let ticket = self.random.pick(&self.tickets).clone();
        self.auditor.forced(ticket.place, ticket.session.0);
        let force = ForceLogout { session: ticket.session };
        self.organisation(ticket.place).submit(force, None, Reply::nobody());
    }

    /// An organisation's actor dies in the middle of its work; the others go on.
    fn panic(&mut self) {
        self.coverage.count("fault: actor panics");
        let (place, _) = self.someone();
        self.organisation(place).submit(Panic, None, Reply::nobody());
    }

    /// The broker says that it is about to stop, and sends a few away.
    fn drain(&mut self) {
        self.coverage.count("drained");
        self.directory().broadcast(&ToDevice::Draining { reconnect_within_s: 10 });
        for (organisation, link) in self.directory().connections().into_iter().take(3) {
            let elapsed = self.clock.now().elapsed;
            if let Some(conn) = usize::try_from(link.0).ok().and_then(|id| self.conns.get_mut(&id))
            {
                conn.is_doubtful = true;
                self.auditor.goodbye(conn.place, conn.session.0, "drained", elapsed);
            }
            organisation.send_away(link);
        }
    }
}

/// Lets nothing, some or most of what is ready happen.
async fn settle_some(world: &mut World) {
    match world.random.below(10) {
        0..2 => {}
        2..4 => {
            for _ in 0..world.random.below(6) {
                tokio::task::yield_now().await;
            }
        }
        _ => settle(1 + world.random.below(4)).await,
    }
}
