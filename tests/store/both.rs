//! Reports of the same records, taken over from a file into a server's database: the same answers, to the
//! cursor, whatever is asked.

use crate::fixture::{catalogue, id, open};
use crate::postgres::PostgresBackend;
use crate::year::made_up::{self, ORGANISATION, ZONE};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use licence_broker::domain::period::{Period, Span};
use licence_broker::domain::reason::{LogonSource, ReleaseReason, UsageType};
use licence_broker::store::report_fields::{FieldKind, Operator, Source};
use licence_broker::store::reports::{
    ByTime, IntervalFilter, ReportFilter, ReportOutcome, ReportQuery, ReportValue,
};
use licence_broker::store::sqlite::SqliteStore;
use licence_broker::store::whole::take_over;
use licence_broker::store::{DenialFilter, Page, Range, Store, UsageFilter};
use std::fmt::Debug;
use std::sync::Arc;

const SCALE: made_up::Scale = made_up::Scale { agents: 15, days: 33, seed: 11 };

fn day(number: i64) -> DateTime<Utc> {
    let midnight = made_up::first_day().and_hms_opt(0, 0, 0).expect("a time").and_utc();
    midnight + TimeDelta::days(number)
}

fn ranges() -> Vec<Range> {
    let odd = TimeDelta::milliseconds(12_345_678);
    let ends = [(None, None), (Some(day(3) + odd), Some(day(9))), (Some(day(20)), None)];
    ends.into_iter()
        .chain([(None, Some(day(2) + odd))])
        .map(|(from, to)| Range { from, to })
        .collect()
}

/// The two stores. What is asked of both is one line.
struct Both {
    file: Arc<dyn Store>,
    server: Arc<dyn Store>,
}

macro_rules! same {
    ($both:expr, $what:expr, |$store:ident| $question:expr) => {{
        let $store = &$both.file;
        let expected = $question.await.expect("the file answers");
        let $store = &$both.server;
        let found = $question.await.expect("the server answers");
        assert_same(&expected, &found, &$what);
        expected
    }};
}

/// Their texts, for not everything that is read can be compared.
fn assert_same<T: Debug>(expected: &T, found: &T, what: &dyn Debug) {
    let (expected, found) = (format!("{expected:#?}"), format!("{found:#?}"));
    assert!(expected == found, "{what:?}: {expected:.2000}\nis not {found:.2000}");
}

impl Both {
    /// All pages of the per-user log, and how many records they have.
    async fn usage(&self, filter: &UsageFilter) -> usize {
        let (mut count, mut after) = (0, 0);
        loop {
            let page = Page { after, limit: 577 };
            let rows = same!(self, (filter, after), |store| store.usage_page(
                id(ORGANISATION),
                filter,
                page
            ));
            let Some(last) = rows.last() else { return count };
            (count, after) = (count + rows.len(), last.cursor);
        }
    }

    async fn by_time(&self, question: &ByTime) -> usize {
        let (mut count, mut after) = (0, 0);
        loop {
            let page = Page { after, limit: 97 };
            let of = id(ORGANISATION);
            let metrics = same!(self, question, |store| store.metrics_page(of, question, page));
            same!(self, question, |store| store.denied_page(of, question, page));
            let Some(last) = metrics.last() else { return count };
            (count, after) = (count + metrics.len(), last.cursor);
        }
    }

    async fn report(&self, query: &ReportQuery) -> usize {
        match same!(self, query, |store| store.report(id(ORGANISATION), query)) {
            ReportOutcome::Rows(rows) => rows.len(),
            ReportOutcome::TooLong => panic!("no report takes so long"),
        }
    }
}

async fn usage_is_the_same(both: &Both) {
    let all = both.usage(&UsageFilter::default()).await;
    assert!(all > 1_500, "{all} records prove too little");
    let user = |agent| Some(made_up::name_of(agent));
    for range in ranges() {
        let whole = UsageFilter { range, ..UsageFilter::default() };
        let filters = [
            UsageFilter { user: user(7), ..whole.clone() },
            UsageFilter { user: user(7), licence: Some("agent_email".into()), ..whole.clone() },
            UsageFilter { user: user(9_999), ..whole.clone() },
            UsageFilter { usage_type: Some(UsageType::Released), ..whole.clone() },
            UsageFilter { logon_source: Some(LogonSource::AgentDesktop), ..whole.clone() },
            UsageFilter { reason: Some(ReleaseReason::Logout), ..whole.clone() },
            whole,
        ];
        for filter in &filters {
            both.usage(filter).await;
        }
    }
    let page = Page { after: 0, limit: 700 };
    let none = DenialFilter::default();
    let denials = same!(both, "denials", |store| store.denials_page(id(ORGANISATION), &none, page));
    assert!(!denials.is_empty(), "somebody was denied something");
    for range in ranges() {
        let of_user = DenialFilter { range, user: user(7), ..DenialFilter::default() };
        same!(both, of_user, |store| store.denials_page(id(ORGANISATION), &of_user, page));
    }
}

async fn figures_are_the_same(both: &Both) {
    let of = id(ORGANISATION);
    for range in ranges() {
        for licence in [None, Some("agent_email".to_owned())] {
            let filter = IntervalFilter { range, licence };
            let page = Page { after: 0, limit: 500 };
            same!(both, filter, |store| store.intervals_page(of, &filter, page));
            for period in [None, Some(Period::Day)] {
                both.by_time(&ByTime { filter: filter.clone(), period, zone: ZONE }).await;
            }
        }
    }
    let range = Range { from: Some(day(3)), to: Some(day(5) + TimeDelta::minutes(17)) };
    for zone in [ZONE, chrono_tz::Asia::Kathmandu] {
        let filter = IntervalFilter { range, licence: None };
        let question = ByTime { filter, period: Some(Period::Hour), zone };
        assert!(both.by_time(&question).await > 48, "a row an hour at least");
    }
    for (start, end) in [(0, 33), (5, 6), (30, 60), (100, 101)] {
        let odd = TimeDelta::minutes(25 * (start % 2));
        let span = Span { start: day(start) + odd, end: day(end) };
        same!(both, span, |store| store.demand(of, span));
    }
}

async fn bills_are_the_same(both: &Both) {
    let of = id(ORGANISATION);
    let month = NaiveDate::from_ymd_opt(2025, 1, 1).expect("a date");
    let sorted = async |store: &dyn Store| {
        let mut lines = store.closed_lines(of, month).await.expect("lines");
        lines.sort_by(|a, b| a.licence.cmp(&b.licence));
        let mut maxima = store.maxima(of, month).await.expect("maxima");
        maxima.sort_by(|a, b| a.licence.cmp(&b.licence));
        (lines, maxima)
    };
    let (expected, found) = (sorted(&*both.file).await, sorted(&*both.server).await);
    assert!(!expected.0.is_empty(), "the month is closed");
    assert_same(&expected, &found, &"bills");
    same!(both, "totals", |store| store.totals_history(of, "agent_email", day(400)));
}

fn value_of(kind: FieldKind) -> ReportValue {
    match kind {
        FieldKind::Text => ReportValue::Text("agent_email".to_owned()),
        FieldKind::Word(words) => ReportValue::Text(words()[0].to_owned()),
        FieldKind::Integer => ReportValue::Integer(3),
        FieldKind::Time | FieldKind::Calendar(_) => ReportValue::Time(day(9)),
    }
}

/// Every dimension with every metric; every operator of every field, with a value that fits, with another one
/// or with nothing; orders both ways.
async fn custom_reports_are_the_same(both: &Both) {
    let mut rows = 0;
    for source in Source::ALL.iter().copied() {
        let plain = ReportQuery {
            source,
            span: Span { start: day(1) + TimeDelta::minutes(7), end: day(31) },
            zone: chrono_tz::Asia::Kathmandu,
            dimensions: vec![],
            metrics: (0..source.metrics().len()).collect(),
            filters: vec![],
            order: vec![],
            limit: 400,
        };
        for (field, one) in source.fields().iter().enumerate() {
            let dimensions = if one.is_dimension { vec![field, 0] } else { vec![] };
            let orders = [vec![(0, true)], vec![(dimensions.len(), true), (0, false)]];
            for order in orders {
                let query = ReportQuery { dimensions: dimensions.clone(), order, ..plain.clone() };
                if query.source.fields()[0].is_dimension || dimensions.is_empty() {
                    rows += both.report(&query).await;
                }
            }
            for operator in one.operators.iter().copied() {
                let fitting = value_of(one.kind);
                let values = match operator {
                    Operator::Equal => vec![fitting, ReportValue::Null],
                    Operator::NotEqual => vec![ReportValue::Null],
                    Operator::In | Operator::Less => vec![fitting, ReportValue::Text("é".into())],
                    Operator::LessOrEqual
                    | Operator::Greater
                    | Operator::GreaterOrEqual
                    | Operator::Contains
                    | Operator::StartsWith => vec![fitting],
                };
                for value in values {
                    let filters = vec![ReportFilter { field, operator, values: vec![value] }];
                    rows += both.report(&ReportQuery { filters, ..plain.clone() }).await;
                }
            }
        }
    }
    assert!(rows > 500, "{rows} rows prove too little");
}

#[tokio::test]
async fn reports_of_the_same_records_are_the_same_on_both_stores() {
    let Some(server) = PostgresBackend::new().await else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("year.db");
    made_up::write(&path, SCALE).await;
    let url = path.display().to_string();
    let finding = &mut |finding: &_| panic!("{finding}");
    take_over(&url, server.url(), &catalogue(), finding).await.expect("taken over");
    let both = Both {
        file: Arc::new(SqliteStore::open(&url, catalogue()).await.expect("opens")),
        server: open(&server).await,
    };
    usage_is_the_same(&both).await;
    figures_are_the_same(&both).await;
    bills_are_the_same(&both).await;
    custom_reports_are_the_same(&both).await;
}
