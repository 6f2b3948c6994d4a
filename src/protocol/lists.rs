//! Parts of messages, written from where they stand: nothing is gathered first.

use crate::domain::catalogue::Catalogue;
use crate::domain::event::{Denied, DeniedName};
use crate::domain::ids::{LicenceId, SessionId};
use crate::domain::reason::GrantPool;
use serde::{Serialize, Serializer};
use ulid::{ULID_LEN, Ulid};

/// A session's id: a ULID.
pub(super) struct Id(pub(super) SessionId);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Ulid(self.0.0).array_to_str(&mut [0; ULID_LEN]))
    }
}

/// The keys of licence types.
pub(super) struct Keys<'a>(pub(super) &'a Catalogue, pub(super) &'a [LicenceId]);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(catalogue, licences) = self;
        serializer.collect_seq(licences.iter().map(|licence| &**catalogue.key(*licence)))
    }
}

/// Licences, each with the pool that it came from.
pub(super) struct Granted<'a>(pub(super) &'a Catalogue, pub(super) &'a [(LicenceId, GrantPool)]);

#[derive(Serialize)]
struct GrantedItem<'a> {
    licence: &'a str,
    pool: &'static str,
}

impl Serialize for Granted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(catalogue, granted) = self;
        let item = |(licence, pool): &(LicenceId, GrantPool)| GrantedItem {
            licence: catalogue.key(*licence),
            pool: pool.as_str(),
        };
        serializer.collect_seq(granted.iter().map(item))
    }
}

/// Names, each with why it was denied.
pub(super) struct DeniedList<'a>(pub(super) &'a Catalogue, pub(super) &'a [Denied]);

#[derive(Serialize)]
struct DeniedItem<'a> {
    licence: &'a str,
    reason: &'static str,
}

impl Serialize for DeniedList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(catalogue, denied) = self;
        serializer.collect_seq(denied.iter().map(|denied| DeniedItem {
            licence: match &denied.licence {
                DeniedName::Licence(licence) => catalogue.key(*licence),
                DeniedName::Unknown(name) => name,
            },
            reason: denied.reason.as_str(),
        }))
    }
}
