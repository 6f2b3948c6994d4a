//! An auditor that knows nothing but the per-user log: it counts from the records alone and shares no
//! code with the broker.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One licence type of one session.
pub type Held = (String, String);

/// What replaying a log comes to.
#[derive(Debug, Default)]
pub struct Ledger {
    /// What was acquired and not released: when, by whom, from which pool.
    open: BTreeMap<Held, Opened>,
    /// Every instance that there ever was.
    acquired: BTreeSet<Held>,
    /// How each instance ended: its reason, and when.
    released: BTreeMap<Held, Vec<(String, String)>>,
    /// Instances of each holder of each type.
    holders: BTreeMap<String, BTreeMap<String, u32>>,
    /// The time of the last record.
    last_at: String,
}

#[derive(Debug)]
struct Opened {
    user: String,
    pool: String,
}

impl Ledger {
    /// Replays the records of one organisation. `bought` is the most that ever was of each type, with
    /// contingency; types that are not in it are not counted.
    ///
    /// # Panics
    /// Where the log contradicts itself, or shows more holders than were bought.
    pub fn replay(records: &[Value], bought: &BTreeMap<&str, usize>) -> Self {
        let mut ledger = Self::default();
        for record in records {
            let at = text(record, "logged_at");
            assert!(ledger.last_at <= at, "the log goes backwards: {record}");
            ledger.last_at = at;
            match text(record, "usage_type").as_str() {
                "Acquired" => ledger.acquire(record, bought),
                "Released" => ledger.release(record),
                other => panic!("no usage type: {other}"),
            }
        }
        ledger
    }

    fn acquire(&mut self, record: &Value, bought: &BTreeMap<&str, usize>) {
        let (held, user) = (held(record), text(record, "user"));
        let opened = Opened { user: user.clone(), pool: text(record, "pool") };
        assert!(self.open.insert(held.clone(), opened).is_none(), "acquired twice: {record}");
        self.acquired.insert(held);
        let licence = text(record, "licence");
        let holders = self.holders.entry(licence.clone()).or_default();
        *holders.entry(user).or_default() += 1;
        if let Some(bought) = bought.get(licence.as_str()) {
            assert!(holders.len() <= *bought, "more holders than were bought: {record}");
        }
    }

    fn release(&mut self, record: &Value) {
        let held = held(record);
        let opened = self.open.remove(&held);
        let Some(opened) = opened else { panic!("released, but not acquired: {record}") };
        assert_eq!(opened.user, text(record, "user"), "{record}");
        assert_eq!(opened.pool, text(record, "pool"), "{record}");
        let holders = self.holders.get_mut(&held.1).expect("a type that was acquired");
        let instances = holders.get_mut(&opened.user).expect("a holder");
        *instances -= 1;
        if *instances == 0 {
            holders.remove(&opened.user);
        }
        let end = (text(record, "reason"), text(record, "logged_at"));
        self.released.entry(held).or_default().push(end);
    }

    /// What is acquired and not released.
    pub fn open(&self) -> BTreeSet<Held> {
        self.open.keys().cloned().collect()
    }

    /// Whether the log has a grant of it, released since or not.
    pub fn was_acquired(&self, held: &Held) -> bool {
        self.acquired.contains(held)
    }

    /// The reasons and times of its releases: one, or several if it was acquired anew in between.
    pub fn releases(&self, held: &Held) -> &[(String, String)] {
        self.released.get(held).map_or(&[], Vec::as_slice)
    }

    /// Every release: what, why, when.
    pub fn all_releases(&self) -> impl Iterator<Item = (&Held, &str, &str)> {
        self.released
            .iter()
            .flat_map(|(held, ends)| ends.iter().map(move |(why, at)| (held, &**why, &**at)))
    }

    /// When the last record was made; empty if there is none.
    pub fn last_at(&self) -> &str {
        &self.last_at
    }
}

/// What open sessions hold, as the API lists them.
pub fn held_by_sessions(sessions: &[Value]) -> BTreeSet<Held> {
    let mut all = BTreeSet::new();
    for session in sessions {
        let id = text(session, "session");
        let licences = session["licences"].as_array().expect("a list");
        all.extend(licences.iter().map(|licence| (id.clone(), text(licence, "licence"))));
    }
    all
}

fn held(record: &Value) -> Held {
    (text(record, "session"), text(record, "licence"))
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}
