//! Leases and claims on PostgreSQL (docs/adr/0014). Time passes by the database's hand: a lease is put into
//! the past.

use crate::eventually::eventually;
use crate::fixture::{at, batch, catalogue, id, open_with_129, settings, user_saved};
use crate::line::{Cut, Line};
use crate::postgres::PostgresBackend;
use crate::postgres::server::Server;
use licence_broker::clock::Clock;
use licence_broker::cluster::{Cluster, Node};
use licence_broker::store::ownership::{Claim, NodeRun, Tenure};
use licence_broker::store::postgres::PostgresStore;
use licence_broker::store::{Batch, Ownership, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(60);

struct Nodes {
    backend: PostgresBackend,
    store: Arc<dyn Store>,
}

impl Nodes {
    /// With organisation 129; nothing where there is no PostgreSQL.
    async fn new() -> Option<Self> {
        let backend = PostgresBackend::new().await?;
        let store = open_with_129(&backend).await;
        Some(Self { backend, store })
    }

    fn ownership(&self) -> &dyn Ownership {
        self.store.ownership().expect("it is shared")
    }

    async fn join(&self, node: &str) -> NodeRun {
        let joined = self.ownership().join(node, &format!("http://{node}"), LEASE).await;
        joined.expect("an answer").expect("no run of that name has a lease").0
    }

    async fn claim(&self, run: &NodeRun) -> Claim {
        self.ownership().claim(run, id(129)).await.expect("an answer")
    }

    async fn hold(&self, run: &NodeRun) -> Tenure {
        match self.claim(run).await {
            Claim::Mine(tenure) => tenure,
            other @ (Claim::Elsewhere(_) | Claim::Unknown | Claim::LeaseOver) => {
                panic!("{other:?}")
            }
        }
    }

    /// The lease of a node runs out.
    async fn lose(&self, node: &str) {
        let text = format!(
            "UPDATE nodes SET lease_until = clock_timestamp() - interval '1 ms' WHERE node = '{node}'"
        );
        self.backend.administer(&text).await;
    }

    async fn commit(&self, number: u64, epoch: u64) -> Result<(), StoreError> {
        let events = vec![user_saved("edred")];
        let batch = Batch { epoch, ..batch(129, number, at(number.cast_signed()), events) };
        self.store.commit(&[batch]).await
    }
}

#[tokio::test]
async fn an_organisation_has_one_owner_while_its_lease_is_in_force() {
    let Some(nodes) = Nodes::new().await else { return };
    let (a, b) = (nodes.join("a").await, nodes.join("b").await);
    let tenure = nodes.hold(&a).await;
    assert!(tenure.is_takeover && tenure.last_run.is_none(), "nobody ran it before: {tenure:?}");
    assert_eq!(nodes.claim(&b).await, Claim::Elsewhere(a));
}

#[tokio::test]
async fn of_many_that_claim_at_once_one_gets_it() {
    let Some(nodes) = Nodes::new().await else { return };
    let mut runs = Vec::new();
    for number in 0..6 {
        runs.push(nodes.join(&format!("n{number}")).await);
    }
    let claims = futures_util::future::join_all(runs.iter().map(|run| nodes.claim(run))).await;
    let mine = claims.iter().filter(|claim| matches!(claim, Claim::Mine(_))).count();
    let elsewhere = claims.iter().filter(|claim| matches!(claim, Claim::Elsewhere(_))).count();
    assert_eq!((mine, elsewhere), (1, 5), "{claims:?}");
}

#[tokio::test]
async fn a_successor_takes_over_when_the_lease_is_over_and_what_comes_late_is_refused() {
    let Some(nodes) = Nodes::new().await else { return };
    let (a, b) = (nodes.join("a").await, nodes.join("b").await);
    let first = nodes.hold(&a).await;
    nodes.commit(1, first.epoch).await.expect("committed");
    nodes.lose("a").await;
    let second = nodes.hold(&b).await;
    assert!(second.is_takeover && second.epoch > first.epoch);
    let last = second.last_run.expect("it was run");
    assert!(last.since <= last.last && last.last <= second.at, "{second:?}");
    let late = nodes.commit(2, first.epoch).await;
    assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
    nodes.commit(2, second.epoch).await.expect("committed");
    let again = nodes.commit(2, first.epoch).await;
    assert!(matches!(again, Err(StoreError::Fenced(_))), "a number of another owner: {again:?}");
}

#[tokio::test]
async fn a_lease_that_was_found_over_is_never_renewed() {
    let Some(nodes) = Nodes::new().await else { return };
    let (a, b) = (nodes.join("a").await, nodes.join("b").await);
    nodes.hold(&a).await;
    assert!(nodes.ownership().renew(&a, LEASE).await.expect("an answer").is_some());
    nodes.lose("a").await;
    nodes.hold(&b).await;
    // As if the database's clock were set back: the lease would be in force again.
    let back = "UPDATE nodes SET lease_until = clock_timestamp() + interval '1 h' WHERE node = 'a'";
    nodes.backend.administer(back).await;
    assert_eq!(nodes.ownership().renew(&a, LEASE).await.expect("an answer"), None);
    assert_eq!(nodes.claim(&a).await, Claim::Elsewhere(b));
}

#[tokio::test]
async fn a_run_whose_lease_is_over_claims_nothing() {
    let Some(nodes) = Nodes::new().await else { return };
    let a = nodes.join("a").await;
    nodes.lose("a").await;
    assert_eq!(nodes.claim(&a).await, Claim::LeaseOver);
}

#[tokio::test]
async fn a_claim_of_ones_own_is_no_takeover_and_fences_what_was_sent_before_it() {
    let Some(nodes) = Nodes::new().await else { return };
    let a = nodes.join("a").await;
    let first = nodes.hold(&a).await;
    let second = nodes.hold(&a).await;
    assert!(!second.is_takeover && second.epoch > first.epoch);
    let late = nodes.commit(1, first.epoch).await;
    assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
}

#[tokio::test]
async fn a_name_is_taken_while_a_run_of_it_has_a_lease() {
    let Some(nodes) = Nodes::new().await else { return };
    let a = nodes.join("a").await;
    nodes.hold(&a).await;
    let joined = nodes.ownership().join("a", "http://other", LEASE).await.expect("an answer");
    assert!(joined.is_none(), "{joined:?}");
    nodes.lose("a").await;
    let next = nodes.join("a").await;
    assert!(next.incarnation > a.incarnation);
    assert_eq!(nodes.ownership().renew(&a, LEASE).await.expect("an answer"), None);
    let tenure = nodes.hold(&next).await;
    assert!(tenure.is_takeover && tenure.last_run.is_some(), "{tenure:?}");
}

#[tokio::test]
async fn what_is_handed_over_is_the_others_and_held_as_after_any_takeover() {
    let Some(nodes) = Nodes::new().await else { return };
    let (a, b) = (nodes.join("a").await, nodes.join("b").await);
    let first = nodes.hold(&a).await;
    let given = nodes.ownership().hand_over(&a, id(129), first.epoch, Some(&b)).await;
    assert!(given.expect("an answer"));
    assert_eq!(nodes.claim(&a).await, Claim::Elsewhere(b.clone()));
    let second = nodes.hold(&b).await;
    assert!(second.is_takeover && second.last_run.is_some(), "{second:?}");
    assert!(!nodes.hold(&b).await.is_takeover, "it is claimed already");
    let again = nodes.ownership().hand_over(&a, id(129), first.epoch, None).await;
    assert!(!again.expect("an answer"), "it is not a's to give");
}

#[tokio::test]
async fn nothing_is_handed_to_a_node_whose_lease_is_over() {
    let Some(nodes) = Nodes::new().await else { return };
    let (a, b) = (nodes.join("a").await, nodes.join("b").await);
    let tenure = nodes.hold(&a).await;
    nodes.lose("b").await;
    let given = nodes.ownership().hand_over(&a, id(129), tenure.epoch, Some(&b)).await;
    assert!(!given.expect("an answer"));
    nodes.commit(1, tenure.epoch).await.expect("it is a's still");
}

#[tokio::test]
async fn who_leaves_gives_everything_back_at_once() {
    let Some(nodes) = Nodes::new().await else { return };
    let (a, b) = (nodes.join("a").await, nodes.join("b").await);
    let first = nodes.hold(&a).await;
    nodes.ownership().leave(&a).await.expect("left");
    let late = nodes.commit(1, first.epoch).await;
    assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
    let second = nodes.hold(&b).await;
    let last = second.last_run.expect("it was run");
    assert!(second.is_takeover && last.last <= second.at, "{second:?}");
    nodes.join("a").await;
}

#[tokio::test]
async fn news_of_owners_are_those_after_what_was_heard() {
    let Some(nodes) = Nodes::new().await else { return };
    let a = nodes.join("a").await;
    let heard = nodes.ownership().owners(0).await.expect("owners");
    assert!(matches!(&heard[..], [row] if row.organisation == id(129) && row.owner.is_none()));
    let moved = heard[0].moved;
    assert!(nodes.ownership().owners(moved).await.expect("owners").is_empty());
    nodes.hold(&a).await;
    assert!(nodes.store.create_organisation(&settings(130), None).await.expect("created"));
    let heard = nodes.ownership().owners(moved).await.expect("owners");
    let heard: Vec<_> = heard.iter().map(|row| (row.organisation, row.owner.as_ref())).collect();
    assert_eq!(heard, [(id(129), Some(&a)), (id(130), None)]);
    let listed = nodes.ownership().nodes().await.expect("nodes");
    assert!(matches!(&listed[..], [row] if row.run == a && row.is_live && &*row.url == "http://a"));
}

#[tokio::test]
async fn a_node_that_falls_silent_in_the_middle_of_a_claim_holds_nobody_up() {
    const SILENT: &str = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND state = 'idle in transaction'";
    let Some(nodes) = Nodes::new().await else { return };
    let server = Server::shared().expect("it was there");
    let run = nodes.join("a").await;
    let first = nodes.hold(&run).await;
    let line = Line::to(server.port()).await;
    let url = line.over(nodes.backend.url());
    let far = PostgresStore::open(&url, catalogue()).await.expect("opens");
    line.cut_next(Cut::SilentAtLock);
    let silent = run.clone();
    let claiming =
        tokio::spawn(async move { far.ownership().unwrap().claim(&silent, id(129)).await });
    let raw = nodes.backend.raw().await;
    eventually(Duration::from_secs(10), "a lock that nobody gives back", async || {
        raw.query_one(SILENT, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    // Before anybody's patience with a lock is over.
    let second = nodes.hold(&run).await;
    assert_eq!(second.epoch, first.epoch + 1, "the claim that fell silent came to nothing");
    claiming.abort();
}

/// The claim came through and its answer did not: the next one finds the organisation to be this run's own,
/// and yet what was found may be on another node's sockets.
#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_a_takeover_when_it_is_made_again() {
    let Some(nodes) = Nodes::new().await else { return };
    let (a, server) = (nodes.join("a").await, Server::shared().expect("it was there"));
    nodes.hold(&a).await;
    nodes.lose("a").await;
    let line = Line::to(server.port()).await;
    let over = PostgresStore::open(&line.over(nodes.backend.url()), catalogue()).await;
    let store: Arc<dyn Store> = Arc::new(over.expect("opened"));
    let b = Node { name: "b".into(), url: "http://b".into(), lease: LEASE };
    let joined = Cluster::join(&store, &Clock::system(), b).await.expect("an answer");
    let cluster = joined.expect("it is shared");
    line.cut_next(Cut::AfterCommit);
    let lost = cluster.claim(id(129)).await;
    assert!(matches!(lost, Err(StoreError::MaybeApplied(_))), "{lost:?}");
    let Claim::Mine(tenure) = cluster.claim(id(129)).await.expect("an answer") else {
        panic!("it is b's")
    };
    assert!(tenure.is_takeover && tenure.last_run.is_some(), "{tenure:?}");
    let Claim::Mine(tenure) = cluster.claim(id(129)).await.expect("an answer") else {
        panic!("it is b's")
    };
    assert!(!tenure.is_takeover, "that one was answered: {tenure:?}");
}
