//! Logins through the organisation's actor and the journal: what the broker does for a login but for the
//! socket. So many are under way at a time, and all of them meet in one organisation.

use super::centre::{Centre, bounds, id, login, now};
use super::threads::Used;
use actix::Arbiter;
use licence_broker::actor::directory::{Directory, DirectoryParts, OrganisationRef};
use licence_broker::actor::journal::Journal;
use licence_broker::actor::reply::{Reply, Unavailable};
use licence_broker::catalogue_file;
use licence_broker::clock::Clock;
use licence_broker::domain::admission::LoginAnswer;
use licence_broker::limits::Heartbeat;
use licence_broker::store::Store;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The thread that stands for the agents; its time is not the broker's.
const AGENTS: &str = "agents";

/// How many are under way, and how many log in all in all.
const LOADS: [(u32, u32); 4] = [(1, 2_000), (100, 20_000), (1_000, 60_000), (10_000, 60_000)];

pub(super) async fn measure() {
    println!("under way | logins/s | of a commit | processor time for each, by thread");
    for (under_way, logins) in LOADS {
        load(under_way, logins).await;
    }
}

async fn load(under_way: u32, logins: u32) {
    let centre = Centre::create(logins).await;
    let store: Arc<dyn Store> = centre.store.clone();
    let arbiter = Arbiter::new();
    let directory = open(store.clone(), &arbiter).await;
    directory.peek(id(), |_| ()).await.expect("loaded");
    let organisation = directory.find(id()).expect("there");
    let (begun, before) = (Instant::now(), Used::now());
    let (done, is_done) = oneshot::channel();
    let agents = move || {
        log_in(&organisation, under_way, logins);
        done.send(Used::now()).unwrap_or_else(|_| panic!("somebody waits"));
    };
    let agents = std::thread::Builder::new().name(AGENTS.to_owned()).spawn(agents);
    let used = is_done.await.expect("logged in");
    let took = begun.elapsed();
    agents.expect("a thread").join().expect("no panic");
    let batches = store.load(id()).await.expect("read").expect("there").batch - 1;
    let per_login = |used: Duration| used.as_secs_f64() * 1e6 / f64::from(logins);
    let by_thread: Vec<String> = used
        .since(&before)
        .into_iter()
        .filter(|(name, _)| *name != AGENTS)
        .map(|(name, used)| format!("{name} {:.1} µs", per_login(used)))
        .collect();
    println!(
        "{under_way:>6} | {:>6.0} | {:>5} | {:.1} µs: {}",
        f64::from(logins) / took.as_secs_f64(),
        u64::from(logins) / batches.max(1),
        per_login(used.total_since(&before, AGENTS)),
        by_thread.join(", "),
    );
    directory.close().await;
    arbiter.stop();
}

async fn open(store: Arc<dyn Store>, arbiter: &Arbiter) -> Directory {
    let clock = Clock::manual(now().at);
    let (journal, _) = Journal::start(store.clone(), clock.clone());
    let opened = Directory::open(DirectoryParts {
        store,
        journal,
        clock,
        catalogue: catalogue_file::built_in(),
        bounds: bounds(),
        heartbeat: Heartbeat { every: Duration::from_secs(15) },
        arbiters: vec![arbiter.handle()],
        asks_max: 10,
        last_run: None,
        running_since: now().at,
        cluster: None,
    });
    opened.await.expect("opened").0
}

/// Has so many agents log in, the next one whenever one was answered.
fn log_in(organisation: &OrganisationRef, under_way: u32, logins: u32) {
    let (answered, answers) = mpsc::channel();
    let next = || {
        let answer = answers.recv().expect("an answer");
        assert!(matches!(answer, Ok(LoginAnswer::LoggedIn(_))), "there is enough of everything");
    };
    for number in 0..logins {
        if number >= under_way {
            next();
        }
        let answered = answered.clone();
        let reply = Reply::new(move |answer: Result<LoginAnswer, Unavailable>| {
            // Nobody listens any more only if another answer was wrong.
            let _ = answered.send(answer);
        });
        organisation.submit(login(number), None, reply);
    }
    (0..under_way.min(logins)).for_each(|_| next());
}
