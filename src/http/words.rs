//! How values that several shapes share are written: instants, session ids, licence types, vocabularies.

use crate::domain::catalogue::{Catalogue, Class, Model};
use crate::domain::ids::{LicenceId, SessionId};
use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use std::sync::Arc;
use ulid::Ulid;

/// RFC 3339 in UTC, to the millisecond.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// `YYYY-MM-DD HH:MM:SS` as clocks in `zone` show it: the form of CSV.
pub(super) fn local_instant(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A number of hundredths. With at most two decimals, what JSON prints of it is exact.
#[expect(clippy::cast_precision_loss, reason = "hundredths of a count are far below 2^53")]
pub(super) fn hundredths(number: u64) -> f64 {
    number as f64 / 100.0
}

/// The ULID of a session.
pub(super) fn session(id: SessionId) -> String {
    Ulid(id.0).to_string()
}

/// The session that a ULID names; letters may be small.
pub(super) fn read_session(text: &str) -> Option<SessionId> {
    let ulid = Ulid::from_string(text).ok()?;
    // The library takes letters that stand for others and first digits that do not fit 128 bits.
    ulid.to_string().eq_ignore_ascii_case(text).then_some(SessionId(ulid.0))
}

/// The keys of licence types, in the order given.
pub(super) fn keys(
    catalogue: &Catalogue,
    licences: impl IntoIterator<Item = LicenceId>,
) -> Vec<Arc<str>> {
    licences.into_iter().map(|licence| catalogue.key(licence).clone()).collect()
}

/// The English name of the type with this key; the key itself where the catalogue has lost it.
pub(super) fn name_of<'a>(catalogue: &'a Catalogue, key: &'a str) -> &'a str {
    catalogue.find(key).map_or(key, |licence| &catalogue.get(licence).name_en)
}

/// Every class with its word.
pub(super) const CLASSES: [(Class, &str); 4] = [
    (Class::UserType, "user_type"),
    (Class::Feature, "feature"),
    (Class::Product, "product"),
    (Class::Device, "device"),
];

/// The word for a class.
pub(super) const fn class(class: Class) -> &'static str {
    match class {
        Class::UserType => "user_type",
        Class::Feature => "feature",
        Class::Product => "product",
        Class::Device => "device",
    }
}

/// The word for a model.
pub(super) const fn model(model: Model) -> &'static str {
    match model {
        Model::Concurrent => "concurrent",
        Model::FixedSeat => "fixed_seat",
        Model::Assigned => "assigned",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_milliseconds_and_a_z() {
        let at = "2026-03-06T13:30:28.1239Z".parse().expect("an instant");
        assert_eq!(instant(at), "2026-03-06T13:30:28.123Z");
        assert_eq!(local_instant(at, chrono_tz::Asia::Tokyo), "2026-03-06 22:30:28");
    }

    #[test]
    fn a_session_is_found_by_its_ulid_alone() {
        let id = SessionId(0x0190_0000_0000_0000_0000_0000_0000_0001);
        assert_eq!(read_session(&session(id)), Some(id));
        assert_eq!(read_session(&session(id).to_lowercase()), Some(id));
        for other in ["", "x", "80000000000000000000000000", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", "1"] {
            assert_eq!(read_session(other), None, "{other}");
        }
    }

    #[test]
    fn every_class_has_one_word() {
        for (value, word) in CLASSES {
            assert_eq!(class(value), word);
        }
    }
}
