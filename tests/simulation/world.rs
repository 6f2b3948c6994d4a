//! What a simulation is about: organisations, the clock, the store, who is connected, and who looks.

use crate::auditor::Auditor;
use crate::coverage::Coverage;
use crate::device::{Conn, Post};
use crate::random::Random;
use crate::store::DoubleStore;
use crate::time;
use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use licence_broker::actor::directory::{Directory, OrganisationRef};
use licence_broker::actor::live::Feed;
use licence_broker::actor::reply::Reply;
use licence_broker::catalogue_file;
use licence_broker::clock::Clock;
use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::ids::{OrganisationId, ResumeDigest, SessionId};
use licence_broker::domain::reason::{Departure, Device};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Features that users here have.
pub(crate) const FEATURES: &[&str] =
    &["agent_email", "agent_sms", "agent_web_chat", "agent_calls", "recording"];
/// Seats: one that is shared out, and one that is somebody's own.
pub(crate) const SEATS: &[&str] = &["inbound_agent", "inbound_agent", "supervisor", "uc_user"];

/// Where a session may be continued from.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) place: usize,
    pub(crate) session: SessionId,
    pub(crate) user: Arc<str>,
    pub(crate) device: Device,
    pub(crate) digest: ResumeDigest,
}

/// One organisation, as whoever runs the simulation knows it.
pub(crate) struct Tenant {
    pub(crate) id: OrganisationId,
    pub(crate) zone: Tz,
    pub(crate) log_off: Option<NaiveTime>,
    pub(crate) users: Vec<Arc<str>>,
    /// Whoever follows the live counts, in this life.
    pub(crate) feed: Option<Feed>,
}

pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<DoubleStore>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) post: Post,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) conns: BTreeMap<usize, Conn>,
    /// Connections that ended; they may say goodbye again.
    pub(crate) ghosts: Vec<(Conn, Departure)>,
    /// Goodbyes that are still on their way.
    pub(crate) late: Vec<(Conn, Departure)>,
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) auditor: Auditor,
    pub(crate) coverage: Coverage,
    pub(crate) directory: Option<Directory>,
    pub(crate) life: u32,
    /// Steps that were done, of how many.
    pub(crate) done: u64,
    pub(crate) steps: u64,
    pub(crate) is_founded: bool,
    /// The latest that the wall clock ever showed.
    pub(crate) wall_max: DateTime<Utc>,
    pub(crate) next_conn: usize,
}

impl World {
    pub(crate) fn new(seed: u64, steps: u64) -> Self {
        let mut random = Random::new(seed);
        let catalogue = catalogue_file::built_in();
        let began = time::beginning(&mut random);
        let clock = Clock::manual(began);
        let store = DoubleStore::new(random.next(), catalogue.clone(), clock.clone());
        let count = 5 + random.below(4);
        let tenants: Vec<Tenant> =
            (1..=count).map(|number| Tenant::new(number, &mut random)).collect();
        let books = tenants.iter().map(|tenant| (tenant.zone, tenant.log_off)).collect();
        Self {
            auditor: Auditor::new(books, began),
            random,
            clock,
            store,
            catalogue,
            post: Post::default(),
            tenants,
            conns: BTreeMap::new(),
            ghosts: Vec::new(),
            late: Vec::new(),
            tickets: Vec::new(),
            coverage: Coverage::default(),
            directory: None,
            life: 0,
            done: 0,
            steps,
            is_founded: false,
            wall_max: began,
            next_conn: 0,
        }
    }

    pub(crate) fn directory(&self) -> &Directory {
        self.directory.as_ref().expect("the broker lives")
    }

    pub(crate) fn organisation(&self, place: usize) -> OrganisationRef {
        self.directory().find(self.tenants[place].id).expect("organisations stay")
    }

    /// Whether the connection is there beyond doubt, and the broker knows it.
    pub(crate) fn is_certain(&self, conn: &Conn) -> bool {
        conn.stage == crate::device::Stage::In
            && !conn.is_silent
            && !conn.is_doubtful
            && self.wall_max < conn.token_until
    }

    /// A connection ends; its goodbye is on its way, or already late.
    pub(crate) fn let_go(&mut self, id: usize, departure: Departure) {
        let Some(mut conn) = self.conns.remove(&id) else { return };
        conn.thaw = None;
        let elapsed = self.clock.now().elapsed;
        self.auditor.goodbye(conn.place, conn.session.0, word(departure), elapsed);
        conn.end();
        if self.random.chance(20) {
            self.coverage.count("fault: goodbye late");
            // Until it arrives the peer is silent, and an actor that starts anew finds it gone.
            for how in ["silent", "lost"] {
                self.auditor.goodbye(conn.place, conn.session.0, how, elapsed);
            }
            self.late.push((conn, departure));
            return;
        }
        conn.depart(departure, Reply::nobody());
        self.remember(conn, departure);
    }

    /// Keeps a connection that ended, for goodbyes that come twice.
    pub(crate) fn remember(&mut self, conn: Conn, departure: Departure) {
        self.ghosts.push((conn, departure));
        if self.ghosts.len() > 40 {
            self.ghosts.remove(0);
        }
    }

    /// The broker is dead, and every connection with it.
    pub(crate) fn bury(&mut self) {
        self.directory = None;
        self.conns.clear();
        self.ghosts.clear();
        self.late.clear();
        self.post.lock().expect("nobody panics while it is held").clear();
        for tenant in &mut self.tenants {
            tenant.feed = None;
        }
        self.life += 1;
    }
}

impl Tenant {
    fn new(number: u64, random: &mut Random) -> Self {
        let hour = u32::try_from(random.below(24)).expect("an hour");
        Self {
            id: OrganisationId::new(number).expect("from 1"),
            zone: *random.pick(time::ZONES),
            log_off: random
                .chance(30)
                .then(|| NaiveTime::from_hms_opt(hour, 30, 0).expect("a time of day")),
            users: (0..14).map(|user| format!("u{user}").into()).collect(),
            feed: None,
        }
    }
}

/// How a departure is named where nobody shares the product's words.
pub(crate) fn word(departure: Departure) -> &'static str {
    match departure {
        Departure::Logout => "logout",
        Departure::ConnectionLost | Departure::SlowConsumer | Departure::StorageUnavailable => {
            "lost"
        }
        Departure::Misbehaved | Departure::Unanswered => "refused by the broker",
        Departure::HeartbeatTimeout => "silent",
        Departure::Drain => "drained",
        Departure::TokenExpired => "token over",
    }
}

/// Lets everything that is ready happen, and what is due within so many milliseconds.
pub(crate) async fn settle(millis: u64) {
    tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
}
