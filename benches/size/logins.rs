//! What a durable login costs while an export runs, and while none does: processor time of the threads
//! that decide and commit, turn by turn in one run.

use super::broker::TestBroker;
use super::{processor, served};
use chrono::Utc;
use licence_broker::catalogue_file;
use licence_broker::domain::admission::{Login, LoginAnswer, Wanted};
use licence_broker::domain::event::Event;
use licence_broker::domain::ids::{LinkId, OrganisationId, ResumeDigest, SessionId};
use licence_broker::domain::moment::Moment;
use licence_broker::domain::organisation::{Bounds, Organisation, Settings};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::provisioning::{ProvisionUsers, UserChange, UserDraft};
use licence_broker::domain::purchases::SetTotals;
use licence_broker::domain::reason::{Departure, Device, UserStatus};
use licence_broker::domain::release::Leave;
use licence_broker::store::{Batch, Page, Store};
use std::sync::Arc;
use std::time::Duration;

/// Logins of one turn, in commits of 300 as under a mass login.
const LOGINS: u32 = 9_000;
const LOGINS_PER_COMMIT: usize = 300;
/// Turns of each kind, after one of each that does not count.
const TURNS: usize = 9;

pub(super) async fn measure(broker: &TestBroker, store: Arc<dyn Store>) {
    let mut centre = Centre::create(store).await;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for turn in 0..=TURNS {
        let without = centre.turn().await;
        let export = Export::begin(broker);
        let with = centre.turn().await;
        let rows = export.end().await;
        if turn > 0 {
            assert!(rows > 0, "the export ran meanwhile");
            alone.push(without);
            beside.push(with);
        }
    }
    let ratios = alone
        .iter()
        .zip(&beside)
        .map(|(alone, beside)| Duration::from_secs_f64(beside.as_secs_f64() / alone.as_secs_f64()));
    let ratio = super::median(ratios.collect()).as_secs_f64();
    let per_login = |turns: Vec<Duration>| super::median(turns) / LOGINS;
    println!(
        "a durable login: {:.1?} of processor time alone, {:.1?} beside an export; {:+.1} %",
        per_login(alone),
        per_login(beside),
        (ratio - 1.0) * 100.0
    );
}

/// Reads the whole log again and again on a thread of its own.
struct Export {
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<usize>,
}

impl Export {
    fn begin(broker: &TestBroker) -> Self {
        let request = served::export_of(broker, "licence-usage");
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let read = async move {
            let mut bytes = 0;
            let mut answer = request.send().await.expect("an answer");
            while let Ok(Some(chunk)) = answer.chunk().await {
                bytes += chunk.len();
                if stopped.try_recv() != Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
                    break;
                }
            }
            bytes
        };
        let thread = std::thread::Builder::new().name("client".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(read)
        });
        Self { stop, thread: thread.expect("a thread") }
    }

    async fn end(self) -> usize {
        // It may have come to the end of the log.
        let _ = self.stop.send(());
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await.expect("waited for");
        joined.expect("the client does not panic")
    }
}

/// Another organisation in the same store, with room for everybody.
struct Centre {
    store: Arc<dyn Store>,
    organisation: Organisation,
    batch: u64,
    sessions: u128,
}

impl Centre {
    async fn create(store: Arc<dyn Store>) -> Self {
        let taken = store.settings_page(Page { after: 0, limit: 1_000 }).await.expect("a list");
        let free = taken.iter().map(|stored| stored.row.id.get()).max().unwrap_or(0) + 1;
        let settings = Settings {
            id: OrganisationId::new(free).expect("a number"),
            name: "Logins".into(),
            time_zone: chrono_tz::UTC,
            max_grace_s: 60,
            scheduled_log_off: None,
            created_at: Utc::now(),
            version: 0,
        };
        assert!(store.create_organisation(&settings, None).await.expect("created"));
        let loaded = store.load(settings.id).await.expect("read").expect("there");
        let bounds = Bounds { waiting_per_licence_max: 0, users_max: usize::MAX };
        let catalogue = catalogue_file::built_in();
        let organisation = Organisation::restore(loaded.snapshot, catalogue, bounds, Utc::now());
        let mut centre = Self { store, organisation, batch: 0, sessions: 0 };
        let set_up = centre.provision();
        centre.commit(set_up).await;
        centre
    }

    fn provision(&mut self) -> Vec<Event> {
        let find = |key| self.organisation.catalogue().find(key).expect("a built-in type");
        let (seat, email, chat) =
            (find("inbound_agent"), find("agent_email"), find("agent_web_chat"));
        let mut events = Vec::new();
        for licence in [seat, email, chat] {
            let totals = Totals { base: LOGINS, concurrent: LOGINS, ..Totals::default() };
            let buy = SetTotals { licence, totals, expected_version: None };
            events.extend(self.organisation.apply(buy, now()).effects.events);
        }
        let create = |number| {
            UserChange::Create(UserDraft {
                user: name_of(number),
                name: "Agent".into(),
                status: UserStatus::Active,
                user_type: seat,
                features: [email, chat].into_iter().collect(),
            })
        };
        let changes = (0..LOGINS).map(create).collect();
        let provision = ProvisionUsers { changes, atomic: true };
        events.extend(self.organisation.apply(provision, now()).effects.events);
        events
    }

    /// Everybody logs in, which is measured, and out again, which is not: the processor time of the way
    /// of the logins.
    async fn turn(&mut self) -> Duration {
        let first = self.sessions;
        let (before, _) = processor::used();
        for numbers in (0..LOGINS).collect::<Vec<_>>().chunks(LOGINS_PER_COMMIT) {
            let events = numbers.iter().flat_map(|number| self.log_in(*number)).collect();
            self.commit(events).await;
        }
        let (after, _) = processor::used();
        let leave = |session| Leave { session, link: link(session), departure: Departure::Logout };
        let sessions = (first..self.sessions).map(|number| SessionId(number + 1));
        let commands: Vec<Leave> = sessions.map(leave).collect();
        let leave = |command| self.organisation.apply(command, now()).effects.events;
        let events = commands.into_iter().flat_map(leave).collect();
        self.commit(events).await;
        after - before
    }

    fn log_in(&mut self, number: u32) -> Vec<Event> {
        self.sessions += 1;
        let session = SessionId(self.sessions);
        let login = Login {
            session,
            link: link(session),
            user: name_of(number),
            device: Device::AgentDesktop,
            wanted: Wanted::Assigned,
            wait: false,
            grace_s: 0,
            resume: ResumeDigest([7; 32]),
            address: "192.0.2.1".into(),
        };
        let decision = self.organisation.apply(login, now());
        assert!(
            matches!(decision.answer, LoginAnswer::LoggedIn(_)),
            "there is enough of everything"
        );
        decision.effects.events
    }

    /// On the threads whose processor time counts.
    async fn commit(&mut self, events: Vec<Event>) {
        self.batch += 1;
        let batch = Batch {
            organisation: self.organisation.settings().id,
            number: self.batch,
            epoch: 0,
            events: events.into(),
            at: Utc::now(),
            sequence: self.organisation.sequence(),
        };
        let store = Arc::clone(&self.store);
        let committed = tokio::spawn(async move { store.commit(&[batch]).await });
        committed.await.expect("no panic").expect("committed");
    }
}

fn now() -> Moment {
    Moment { at: Utc::now(), elapsed: Duration::ZERO }
}

fn name_of(number: u32) -> Arc<str> {
    format!("agent-{number}").into()
}

fn link(session: SessionId) -> LinkId {
    #[expect(clippy::cast_possible_truncation, reason = "sessions are counted from 1")]
    LinkId(session.0 as u64)
}
