//! A store in which everything has happened: a broker ran on it over the turn of a month.

use crate::support::broker::{Setup, TestBroker};
use crate::support::http::Api;
use crate::support::socket::Socket;
use crate::support::until::until_seen;
use chrono::{DateTime, Datelike, Months, TimeDelta, Utc};
use licence_broker::auth::Role;
use licence_broker::catalogue_file;
use licence_broker::clock::Clock;
use licence_broker::store::sqlite::SqliteStore;
use licence_broker::store::sqlite::backup::backup;
use licence_broker::store::sqlite::check::{Finding, Severity, Summary, check};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Longer than any test turns its clock.
const LONG: Duration = Duration::from_secs(400 * 86_400);

/// A broker whose clock a test turns, and what it has open.
pub struct Busy {
    pub broker: TestBroker,
    pub operator: Api,
    pub clock: Clock,
    pub folder: TempDir,
    pub open: Vec<Socket>,
}

/// An hour before a month turns.
pub fn an_hour_before_the_turn() -> DateTime<Utc> {
    let today = Utc::now().date_naive();
    let next = today.with_day(1).unwrap() + Months::new(1);
    next.and_hms_opt(0, 0, 0).unwrap().and_utc() - TimeDelta::hours(1)
}

impl Busy {
    pub async fn start(at: DateTime<Utc>) -> Self {
        let folder = TempDir::new().unwrap();
        Self::with(folder, Clock::manual(at), None).await
    }

    /// Again, on the database of one that was halted.
    pub async fn with(folder: TempDir, clock: Clock, retention: Option<TimeDelta>) -> Self {
        let database = Some(folder.path().join("test.db"));
        let setup = Setup {
            heartbeat: LONG,
            clock: clock.clone(),
            database,
            retention,
            ..Setup::default()
        };
        let broker = TestBroker::with(setup).await;
        let token = broker.token_for(Role::Operator, 0, "operator", TimeDelta::days(800));
        let operator = broker.api(&token);
        Self { broker, operator, clock, folder, open: Vec::new() }
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Logs in a second later, with a token that outlives the test.
    pub async fn log_in(&self, organisation: u64, user: &str, fields: Value) -> (Socket, Value) {
        self.advance(1);
        let life = TimeDelta::days(800);
        let token = self.broker.token_for(Role::Device, organisation, user, life);
        let mut fields = fields;
        fields["token"] = json!(token);
        let device = fields["device"].as_str().unwrap_or("deskphone").to_owned();
        self.broker.login_with(organisation, user, &device, fields).await
    }

    /// Logs in and stays.
    pub async fn stay(&mut self, organisation: u64, user: &str, fields: Value) {
        let (socket, answer) = self.log_in(organisation, user, fields).await;
        assert_eq!(answer["type"], "logged_in", "{answer}");
        self.open.push(socket);
    }

    pub async fn change(&self, method: Method, path: &str, body: Value) {
        self.advance(1);
        self.operator.send(method, path, body).await;
    }

    /// Organisation 129 with its users.
    pub async fn set_up(&self) {
        self.operator.create_organisation(129).await;
        self.advance(1);
        self.operator.buy(129, "inbound_agent", 2, 3).await;
        self.operator.buy(129, "agent_calls", 9, 0).await;
        self.operator.buy(129, "agent_email", 1, 1).await;
        let seats = json!({"base": 0, "concurrent": 0, "contingency": 0, "fixed": 2});
        self.change(Method::PUT, "/v1/organisations/129/licences/uc_user", seats).await;
        for name in ["a", "b", "c", "d", "e", "f"] {
            let features = ["agent_email", "agent_calls"];
            self.operator.add_user(129, name, "inbound_agent", &features).await;
        }
        self.operator.add_user(129, "g", "uc_user", &[]).await;
    }

    /// Grants from every pool, denials, a wait, a takeover, releases, changes of users.
    pub async fn work(&mut self) {
        self.stay(129, "a", json!({"device": "agent_desktop"})).await;
        self.stay(129, "a", json!({})).await;
        self.stay(129, "b", json!({"device": "agent_desktop", "grace_s": 50})).await;
        self.stay(129, "c", json!({})).await;
        self.stay(129, "d", json!({})).await;
        self.stay(129, "g", json!({})).await;
        let (_refused, answer) = self.log_in(129, "e", json!({"device": "agent_desktop"})).await;
        assert_eq!(answer["type"], "login_refused", "{answer}");
        self.stay(129, "e", json!({"device": "agent_desktop", "wait": true})).await;
        self.stay(129, "a", json!({"device": "agent_desktop"})).await;
        let suspended = json!({"status": "suspended"});
        self.change(Method::PATCH, "/v1/organisations/129/users/f", suspended).await;
        self.advance(420);
        let (leaving, _) =
            self.log_in(129, "d", json!({"device": "agent_desktop", "wait": true})).await;
        self.advance(1);
        leaving.log_out().await;
    }

    /// An organisation that comes and goes.
    pub async fn pass_by(&mut self) {
        self.operator.create_organisation(7).await;
        self.operator.buy(7, "inbound_agent", 5, 0).await;
        self.operator.add_user(7, "x", "inbound_agent", &[]).await;
        self.stay(7, "x", json!({})).await;
        self.change(Method::DELETE, "/v1/organisations/7", Value::Null).await;
    }

    /// All of that, over the turn of a month.
    pub async fn everything() -> Self {
        let mut busy = Self::start(an_hour_before_the_turn()).await;
        busy.set_up().await;
        busy.work().await;
        busy.pass_by().await;
        busy.advance(3_600);
        busy.operator.buy(129, "agent_email", 2, 1).await;
        busy.stay(129, "c", json!({})).await;
        busy.advance(301);
        busy.operator.buy(129, "agent_calls", 8, 0).await;
        busy
    }

    /// Ends the broker and leaves its store as it was before: what was open is open.
    pub async fn halt(self) -> (TempDir, PathBuf) {
        let copy = self.folder.path().join("killed.db");
        backup(&self.broker.database.display().to_string(), &copy).await.unwrap();
        let database = self.broker.halt().await;
        let url = database.display().to_string();
        // What ran on other threads of the broker may have the store open for a moment longer.
        until_seen("a store that nobody has open", async || {
            SqliteStore::open(&url, catalogue_file::built_in()).await.ok().map(drop)
        })
        .await;
        for left in ["test.db", "test.db-wal", "test.db-shm"] {
            // Not every end leaves all of them.
            let _ = std::fs::remove_file(self.folder.path().join(left));
        }
        std::fs::rename(copy, &database).unwrap();
        (self.folder, database)
    }
}

/// What a check of a database finds.
pub async fn findings(database: &Path) -> (Vec<Finding>, Summary) {
    let mut findings = Vec::new();
    let mut note = |finding: &Finding| findings.push(finding.clone());
    let url = database.display().to_string();
    let summary = check(&url, &catalogue_file::built_in(), &mut note).await.unwrap();
    let broken = findings.iter().filter(|one| one.severity == Severity::Broken).count();
    assert_eq!(summary.broken, broken as u64);
    (findings, summary)
}

/// A connection past the store that may write what the store never would.
pub async fn raw(database: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(database).foreign_keys(false);
    options.connect().await.unwrap()
}

/// One number that a statement answers.
pub async fn number(database: &Path, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&mut raw(database).await).await.unwrap()
}
