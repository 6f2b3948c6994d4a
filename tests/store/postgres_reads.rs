//! What is peculiar to reading from PostgreSQL: which rows a page looks at, statements that nobody waits for,
//! records of several writers.

use crate::eventually::eventually;
use crate::fixture::{at, id, open, open_with_129};
use crate::postgres::PostgresBackend;
use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use licence_broker::auth::Role;
use licence_broker::auth::account::Credentials;
use licence_broker::auth::password::PasswordHash;
use licence_broker::auth::second_factor::TotpSecret;
use licence_broker::domain::audit::Author;
use licence_broker::domain::ids::SessionId;
use licence_broker::domain::period::Span;
use licence_broker::store::accounts::{By, Creation, NewAccount};
use licence_broker::store::report_fields::Source;
use licence_broker::store::reports::{IntervalFilter, ReportOutcome, ReportQuery};
use licence_broker::store::{AuditFilter, DenialFilter, Page, Range, Store, UsageFilter};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Client;

const WITHIN: Duration = Duration::from_secs(20);

/// 20,000 records of each log of 129 and a few of another organisation, all later than those that the
/// planner's statistics know of.
const FILL: &str = "
    INSERT INTO organisations (number, name, time_zone, max_grace_s, created_at, version, last_at)
        VALUES (130, 'other', 'UTC', 60, 0, 1, 0);
    ANALYZE;
    INSERT INTO usage (organisation, at, usage_type, licence, \"user\", device, logon_source, session, pool)
        SELECT key, n::bigint * 1000, 'Acquired', 'agent_email', 'agent' || n % 50, 'agent_desktop',
            'Agent Desktop', lpad((n / 5)::text, 26, '0'), 'concurrent'
        FROM organisations, generate_series(1, 20000) AS n ORDER BY n;
    INSERT INTO denials (organisation, at, licence, \"user\", device, reason, outcome)
        SELECT key, n::bigint * 1000, 'agent_email', 'agent' || n % 50, 'agent_desktop', 'exhausted', 'partial'
        FROM organisations, generate_series(1, 20000) AS n ORDER BY n;
    INSERT INTO intervals (organisation, start, licence, concurrent, contingency, concurrent_peak,
        concurrent_low, contingency_peak, contingency_low, holders_peak)
        SELECT key, n::bigint * 300000, licence, 1, 0, 1, 1, 0, 0, 1 FROM organisations,
            generate_series(1, 10000) AS n, unnest(ARRAY['agent_email', 'agent_sms']) AS licence ORDER BY n;
    INSERT INTO audit (organisation, at, actor, role, action, target)
        SELECT key, n::bigint * 1000, 'ann', 'admin', 'user.put', 'agent' || n % 50
        FROM organisations, generate_series(1, 20000) AS n ORDER BY n;";

/// How often a table of records was read as a whole, and how many rows were fetched from it by an index.
const READ: &str = "SELECT sum(seq_scan)::bigint, sum(idx_tup_fetch)::bigint \
    FROM pg_stat_user_tables WHERE relname IN ('usage', 'denials', 'intervals', 'audit')";

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND wait_event_type = 'Lock'";

const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND pid <> pg_backend_pid()";

async fn numbers<const N: usize>(client: &Client, question: &str) -> [i64; N] {
    let row = client.query_one(question, &[]).await.expect("an answer");
    std::array::from_fn(|column| row.get(column))
}

async fn eventually_are(client: &Client, question: &str, number: i64) {
    let is_so = async || numbers::<1>(client, question).await == [number];
    eventually(WITHIN, question, is_so).await;
}

/// Nobody else is connected: what they have read was counted.
async fn count_reads(client: &Client) -> [i64; 2] {
    eventually_are(client, OTHERS, 0).await;
    numbers(client, READ).await
}

/// Pages of ten rows from the middle of each log, in every order and by every index. How many rows they had.
async fn read_pages(store: &dyn Store) -> usize {
    let first = Page { after: 0, limit: 10 };
    let range = Range { from: Some(DateTime::UNIX_EPOCH), to: Some(at(0)) };
    let all = UsageFilter { range, ..UsageFilter::default() };
    let middle = store.usage_page(id(129), &all, Page { after: 0, limit: 1 }).await.expect("one");
    let middle = Page { after: middle[0].cursor + 20_000, limit: 10 };
    let of_user = |user: &str| UsageFilter { user: Some(user.to_owned()), ..all.clone() };
    let of_session = UsageFilter { session: Some(SessionId(7)), ..UsageFilter::default() };
    let mut rows = 1;
    for filter in [all.clone(), of_user("agent7"), of_user("nobody"), of_session] {
        for page in [first, middle] {
            rows += store.usage_page(id(129), &filter, page).await.expect("a page").len();
        }
    }
    for user in [None, Some("agent7"), Some("nobody")] {
        let user = user.map(str::to_owned);
        let filter = DenialFilter { range, user, ..DenialFilter::default() };
        rows += store.denials_page(id(129), &filter, middle).await.expect("a page").len();
    }
    let filter = IntervalFilter { range, licence: None };
    rows += store.intervals_page(id(129), &filter, middle).await.expect("a page").len();
    for newest_first in [false, true] {
        let filter = AuditFilter { newest_first, ..AuditFilter::default() };
        rows += store.audit_page(id(129), &filter, middle).await.expect("a page").len();
    }
    rows
}

#[tokio::test]
async fn a_page_looks_at_the_rows_that_it_shows_and_at_few_others() {
    let Some(backend) = PostgresBackend::new().await else { return };
    drop(open_with_129(&backend).await);
    let client = backend.raw().await;
    client.batch_execute(FILL).await.expect("filled");
    let before = count_reads(&client).await;
    let store = open(&backend).await;
    let rows = read_pages(&*store).await;
    assert!(rows > 80, "the pages are not empty: {rows}");
    drop(store);
    let after = count_reads(&client).await;
    assert_eq!(after[0] - before[0], 0, "no table is read as a whole");
    let looked_at = usize::try_from(after[1] - before[1]).expect("it grows");
    // Beside its own rows a page looks at that of its cursor, and at others of one instant.
    assert!(looked_at >= rows && looked_at < rows + 60, "{looked_at} for {rows}");
}

fn report_of_all_time() -> ReportQuery {
    let end = at(0);
    ReportQuery {
        source: Source::LicenceUsage,
        span: Span { start: end - TimeDelta::days(300), end },
        zone: Tz::UTC,
        dimensions: vec![],
        metrics: vec![0],
        filters: vec![],
        order: vec![],
        limit: 10,
    }
}

#[tokio::test]
async fn a_report_that_nobody_waits_for_is_cancelled_and_its_connection_serves_others() {
    let Some(backend) = PostgresBackend::new().await else { return };
    let store = open_with_129(&backend).await;
    let (holder, client) = (backend.raw().await, backend.raw().await);
    let lock = "BEGIN; LOCK TABLE usage IN ACCESS EXCLUSIVE MODE";
    holder.batch_execute(lock).await.expect("locked");
    let asking = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.report(id(129), &report_of_all_time()).await.map(drop) }
    });
    eventually_are(&client, WAITING, 1).await;
    asking.abort();
    eventually_are(&client, WAITING, 0).await;
    holder.batch_execute("ROLLBACK").await.expect("unlocked");
    let made = store.report(id(129), &report_of_all_time()).await.expect("made");
    assert!(matches!(made, ReportOutcome::Rows(rows) if rows.len() == 1));
}

/// Whoever reads on after the latest record misses none: what is kept later has a greater number.
#[tokio::test]
async fn a_record_of_the_audit_is_seen_no_later_than_those_after_it() {
    const COMMIT_UNDER_WAY: &str = "BEGIN; UPDATE organisations SET batch = batch WHERE number = 129; \
        INSERT INTO audit (organisation, at, actor, role, action, target) \
        SELECT key, 0, 'ann', 'admin', 'user.put', 'first' FROM organisations WHERE number = 129";
    let Some(backend) = PostgresBackend::new().await else { return };
    let store = open_with_129(&backend).await;
    let (committing, client) = (backend.raw().await, backend.raw().await);
    committing.batch_execute(COMMIT_UNDER_WAY).await.expect("under way");
    let creating = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            let secret = TotpSecret::kept(&[1; 20]).expect("twenty bytes");
            let credentials =
                Credentials { password: PasswordHash::kept("hash"), second_factor: secret };
            let (organisation, user) = (Some(id(129)), "second".into());
            let new = NewAccount { organisation, user, role: Role::Admin, credentials };
            let by = By { author: Author { name: "root".into(), role: "operator" }, at: at(1) };
            store.create_account(&new, 9, &by).await
        }
    });
    eventually_are(&client, WAITING, 1).await;
    assert!(store.account(Some(id(129)), "second").await.expect("read").is_none());
    committing.batch_execute("COMMIT").await.expect("committed");
    let created = creating.await.expect("no panic").expect("answered");
    assert!(matches!(created, Creation::Created(_)), "{created:?}");
    let page = Page { after: 0, limit: 10 };
    let audit = store.audit_page(id(129), &AuditFilter::default(), page).await.expect("a page");
    let targets: Vec<&str> = audit.iter().map(|stored| &*stored.row.target).collect();
    assert_eq!(targets, ["first", "second"]);
}
