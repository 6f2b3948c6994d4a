//! Where the bytes of a logged-in session are, outside its socket, and what a login allocates on its way:
//! 10,000 logins as `ws/device.rs` sends them, through the organisation's actor and the journal.
//!
//! `cargo bench --bench session_bytes`. SQLite's own memory is no part of it, nor is the session actor.

mod owners;

use actix::{Actor, Addr, Arbiter, Context, Handler};
use chrono::TimeDelta;
use licence_broker::actor::directory::{Directory, DirectoryParts, OrganisationRef};
use licence_broker::actor::journal::Journal;
use licence_broker::actor::link::{Link, Marks, ToDevice};
use licence_broker::actor::reply::Reply;
use licence_broker::auth::{Authenticator, Claims, Role};
use licence_broker::broker::admission::{Admission, UserSocket};
use licence_broker::catalogue_file;
use licence_broker::clock::Clock;
use licence_broker::domain::admission::{Login, LoginAnswer, Wanted};
use licence_broker::domain::bounded_login::BoundedLogin;
use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::ids::{LicenceId, LinkId, OrganisationId, ResumeDigest, SessionId};
use licence_broker::domain::organisation::{Bounds, Settings};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::provisioning::{ProvisionUsers, UserChange, UserDraft};
use licence_broker::domain::purchases::SetTotals;
use licence_broker::domain::reason::{Device, UserStatus};
use licence_broker::limits::{Heartbeat, Limits};
use licence_broker::protocol::device::{SessionTerms, Writer};
use licence_broker::protocol::request::{self, Request, RequestId};
use licence_broker::store::Store;
use licence_broker::store::sqlite::SqliteStore;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const LOGINS: u32 = 10_000;
/// Logins that are under way at once.
const AT_ONCE: u32 = 200;

fn main() {
    actix::System::new().block_on(measure());
}

/// What a session actor keeps of its session, the buffers of its socket apart.
struct Kept {
    _claims: Claims,
    _place: UserSocket,
    _marks: Arc<Marks>,
    _organisation: OrganisationRef,
    _resume_token: String,
}

/// Takes what devices are told.
struct Sink;

impl Actor for Sink {
    type Context = Context<Self>;
}

impl Handler<ToDevice> for Sink {
    type Result = ();

    fn handle(&mut self, _: ToDevice, _: &mut Self::Context) {}
}

/// As much of a broker as a login meets behind its socket.
struct Bench {
    directory: Directory,
    authenticator: Authenticator,
    admission: Admission,
    clock: Clock,
    limits: Limits,
    catalogue: Arc<Catalogue>,
    sink: Addr<Sink>,
    tokens: Vec<String>,
}

async fn measure() {
    let (folder, arbiter) = (tempfile::TempDir::new().expect("a folder"), Arbiter::new());
    let profile = folder.path().join("heap.json");
    let bench = Bench::open(folder.path(), &arbiter).await;
    // The first login makes what is made once.
    let first = bench.log_in(0).await;
    let profiler = dhat::Profiler::builder().file_name(&profile).trim_backtraces(Some(30)).build();
    let mut kept = Vec::with_capacity(LOGINS as usize);
    let numbers: Vec<u32> = (1..=LOGINS).collect();
    for numbers in numbers.chunks(AT_ONCE as usize) {
        let logins = numbers.iter().map(|number| bench.log_in(*number));
        kept.extend(futures_util::future::join_all(logins).await);
    }
    bench.settle().await;
    drop(profiler);
    owners::print(&profile, LOGINS);
    drop((first, kept));
    bench.directory.close().await;
    arbiter.stop();
}

fn id() -> OrganisationId {
    OrganisationId::new(129).expect("a number")
}

impl Bench {
    async fn open(folder: &Path, arbiter: &Arbiter) -> Self {
        let (catalogue, clock) = (catalogue_file::built_in(), Clock::system());
        let url = format!("sqlite://{}", folder.join("bench.db").display());
        let store = SqliteStore::open(&url, catalogue.clone()).await.expect("a store");
        store.create_organisation(&settings(&clock), None).await.expect("created");
        let store: Arc<dyn Store> = Arc::new(store);
        let (journal, _) = Journal::start(store.clone(), clock.clone());
        let running_since = clock.now().at;
        let parts = DirectoryParts {
            store,
            journal,
            clock: clock.clone(),
            catalogue: catalogue.clone(),
            bounds: Bounds { waiting_per_licence_max: 0, users_max: usize::MAX },
            heartbeat: Heartbeat { every: Duration::from_secs(600) },
            arbiters: vec![arbiter.handle()],
            asks_max: 1_000,
            last_run: None,
            running_since,
            cluster: None,
        };
        let (directory, _) = Directory::open(parts).await.expect("a directory");
        provision(&directory).await;
        let authenticator = Authenticator::with_secret(b"a secret of more than thirty-two bytes");
        let limits = Limits::default();
        let claims = |number| Claims {
            subject: name(number),
            organisation: Some(id()),
            role: Role::Device,
            expires_at: running_since + TimeDelta::hours(1),
        };
        let issue = |number| authenticator.issue(&claims(number), running_since).expect("a token");
        let tokens = (0..=LOGINS).map(issue).collect();
        let admission = Admission::new(&limits);
        let sink = Sink.start();
        Self { directory, authenticator, admission, clock, limits, catalogue, sink, tokens }
    }

    /// What `ws/device.rs` does with the first message, from its text to the text of the answer.
    async fn log_in(&self, number: u32) -> Kept {
        let arrived = self.clock.now();
        let envelope = request::parse(r#"{"type":"login","id":1,"device":"agent_desktop"}"#);
        let Ok(Request::Login(request)) = envelope.expect("an object").request else {
            panic!("a login")
        };
        let token = &self.tokens[number as usize];
        let claims = self.authenticator.judge(token, arrived.at).expect("a good token");
        let place = self.admission.user(id(), &claims.subject).expect("a place");
        let organisation = self.directory.find(id()).expect("the organisation");
        let permit = self.admission.login().expect("a permit");
        let queued = organisation.logins().enter(arrived.elapsed, Duration::from_secs(60));
        let (session, link) = (SessionId(number.into()), LinkId(number.into()));
        let marks = Arc::new(Marks::new(arrived.elapsed, claims.expires_at));
        let recipient = self.sink.clone().recipient();
        let login = login(session, link, &claims, request.wanted);
        let (sender, answer) = oneshot::channel();
        let reply = Reply::new(move |answer| {
            drop((permit, queued));
            assert!(sender.send(answer).is_ok(), "somebody waits for the answer");
        });
        let sessions_max = self.limits.sessions_per_organisation_max;
        let attached = Link { id: link, session, recipient, marks: marks.clone() };
        organisation.submit(BoundedLogin { login, sessions_max }, Some(attached), reply);
        let Ok(Ok(Some(LoginAnswer::LoggedIn(welcome)))) = answer.await else {
            panic!("logged in")
        };
        let resume_token = "0123456789abcdefghijklmnopqrstuv".to_owned();
        let terms = SessionTerms { resume_token: &resume_token, heartbeat_s: 15 };
        Writer(&self.catalogue).logged_in(Some(&RequestId::Number(1)), &welcome, terms);
        Kept {
            _claims: claims,
            _place: place,
            _marks: marks,
            _organisation: organisation,
            _resume_token: resume_token,
        }
    }

    /// Waits until nothing is on its way any more.
    async fn settle(&self) {
        self.directory.view(id(), |_| ()).await.expect("an answer");
    }
}

fn login(session: SessionId, link: LinkId, claims: &Claims, wanted: Wanted) -> Login {
    Login {
        session,
        link,
        user: claims.subject.clone(),
        device: Device::AgentDesktop,
        wanted,
        wait: false,
        grace_s: 0,
        resume: ResumeDigest([7; 32]),
        address: "127.0.0.1".into(),
    }
}

fn name(number: u32) -> Arc<str> {
    format!("agent-{number:05}").into()
}

fn settings(clock: &Clock) -> Settings {
    Settings {
        id: id(),
        name: "Bench".into(),
        time_zone: chrono_tz::UTC,
        max_grace_s: 60,
        scheduled_log_off: None,
        created_at: clock.now().at,
        version: 0,
    }
}

/// Enough of everything, and a user for each login.
async fn provision(directory: &Directory) {
    let catalogue = catalogue_file::built_in();
    let licences = ["inbound_agent", "agent_email", "agent_web_chat"];
    let licences = licences.map(|key| catalogue.find(key).expect("a type of the catalogue"));
    for licence in licences {
        let totals = Totals { base: LOGINS + 1, concurrent: LOGINS + 1, ..Totals::default() };
        let command = SetTotals { licence, totals, expected_version: None };
        directory.ask(id(), command).await.expect("an answer").expect("bought");
    }
    let [seat, features @ ..]: [LicenceId; 3] = licences;
    let draft = |number| UserDraft {
        user: name(number),
        name: "Agent".into(),
        status: UserStatus::Active,
        user_type: seat,
        features: features.into_iter().collect(),
    };
    let changes = (0..=LOGINS).map(|number| UserChange::Create(draft(number))).collect();
    directory.ask(id(), ProvisionUsers { changes, atomic: true }).await.expect("an answer");
}
