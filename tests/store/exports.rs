//! Records that are written while they are read.

use crate::fixture::{Backend, acquired, at, commit, id, open_with_129, released, session_opened};
use licence_broker::domain::ids::SessionId;
use licence_broker::domain::reason::{LogonSource, ReleaseReason, UsageType};
use licence_broker::store::{
    Page, Part, Range, Store, StoreError, UsageFilter, UsageLine, UsageScribe,
};

/// A line for each record, with all that it says.
#[derive(Default)]
struct Lines(String);

impl UsageScribe for Lines {
    fn write(&mut self, line: &UsageLine<'_>) {
        let UsageLine {
            usage_type,
            at,
            licence,
            user,
            logon_source,
            device,
            session,
            pool,
            reason,
        } = line;
        let at = at.timestamp_millis();
        let words = [usage_type, licence, user, logon_source, device, session, pool];
        self.0 += &format!("{at} {words:?} {reason:?}\n");
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.0.into_bytes()
    }
}

async fn part(store: &dyn Store, organisation: u64, filter: &UsageFilter, page: Page) -> Part {
    let part = store.export_usage(id(organisation), filter, page, Box::<Lines>::default()).await;
    part.expect("a part")
}

async fn with_records(backend: &dyn Backend) -> std::sync::Arc<dyn Store> {
    let store = open_with_129(backend).await;
    let events = vec![
        session_opened(1, "エドレッド"),
        session_opened(2, "wynn"),
        acquired(1, "エドレッド", "inbound_agent", 1, 1),
        acquired(2, "wynn", "agent_email", 2, 2),
        released(1, "エドレッド", "inbound_agent", 3),
    ];
    commit(&*store, 1, 3, events).await;
    store
}

pub(crate) async fn an_export_says_what_the_pages_say(backend: &dyn Backend) {
    let store = with_records(backend).await;
    let none = UsageFilter::default;
    for filter in [
        none(),
        UsageFilter { user: Some("エドレッド".to_owned()), ..none() },
        UsageFilter { licence: Some("agent_email".to_owned()), ..none() },
        UsageFilter { usage_type: Some(UsageType::Released), ..none() },
        UsageFilter { logon_source: Some(LogonSource::AgentDesktop), ..none() },
        UsageFilter { reason: Some(ReleaseReason::Logout), ..none() },
        UsageFilter { session: Some(SessionId(2)), ..none() },
        UsageFilter { range: Range { from: Some(at(2)), to: Some(at(3)) }, ..none() },
    ] {
        let page = Page { after: 0, limit: 10 };
        let mut expected = Box::<Lines>::default();
        for stored in store.usage_page(id(129), &filter, page).await.expect("a page") {
            let session = stored.row.session.to_string();
            expected.write(&UsageLine {
                usage_type: stored.row.usage_type.as_str(),
                at: stored.row.at,
                licence: &stored.row.licence,
                user: &stored.row.user,
                logon_source: stored.row.logon_source.as_str(),
                device: stored.row.device.as_str(),
                session: &session,
                pool: stored.row.pool.as_str(),
                reason: stored.row.reason.map(ReleaseReason::as_str),
            });
        }
        assert!(!expected.0.is_empty());
        let whole = part(&*store, 129, &filter, page).await;
        assert_eq!(whole, Part { text: expected.finish(), after: None });
    }
}

pub(crate) async fn the_parts_of_an_export_make_up_the_whole(backend: &dyn Backend) {
    let store = with_records(backend).await;
    let all = UsageFilter::default();
    let last = UsageFilter { reason: Some(ReleaseReason::Logout), ..all.clone() };
    for (filter, limit) in [(&all, 1), (&all, 2), (&all, 3), (&last, 1), (&last, 2)] {
        let whole = part(&*store, 129, filter, Page { after: 0, limit: 10 }).await.text;
        let (mut text, mut after) = (Vec::new(), Some(0));
        while let Some(cursor) = after {
            let part = part(&*store, 129, filter, Page { after: cursor, limit }).await;
            text.extend(part.text);
            after = part.after;
        }
        assert_eq!(text, whole, "{filter:?} by {limit}");
    }
    let none = part(&*store, 5, &all, Page { after: 0, limit: 1 }).await;
    assert_eq!(none, Part { text: Vec::new(), after: None }, "of no organisation");
}

pub(crate) async fn a_scribe_that_panics_fails_its_own_export_alone(backend: &dyn Backend) {
    struct Clumsy;
    impl UsageScribe for Clumsy {
        fn write(&mut self, _: &UsageLine<'_>) {
            panic!("as planned");
        }
        fn finish(self: Box<Self>) -> Vec<u8> {
            Vec::new()
        }
    }
    let store = with_records(backend).await;
    let (all, page) = (UsageFilter::default(), Page { after: 0, limit: 10 });
    let failed = store.export_usage(id(129), &all, page, Box::new(Clumsy)).await;
    assert!(matches!(failed, Err(StoreError::Aborted(_))), "{failed:?}");
    assert!(!part(&*store, 129, &all, page).await.text.is_empty());
}
