//! Which licence types exist. Data: the rules ask the catalogue and know no type by name.

use super::ids::{LicenceId, LicenceSet};
use super::lookup::Lookup;
use super::reason::Device;
use std::sync::Arc;

/// What kind of thing a licence type is bought for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A seat: every user has exactly one user type.
    UserType,
    /// A service feature of a user.
    Feature,
    /// A product of its own.
    Product,
    /// A configured device.
    Device,
}

/// How a licence type is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Model {
    /// By who is logged in, against a concurrent and a contingency total.
    Concurrent,
    /// By who it is assigned to, against a number of seats.
    FixedSeat,
    /// By who it is assigned to, without a bound.
    Assigned,
}

/// Under which heading Licence Metrics shows an assigned type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// `users`
    Users,
    /// `clients`
    Clients,
    /// `supervisor`
    Supervisor,
}

/// One licence type.
#[derive(Clone, Debug)]
pub struct LicenceType {
    /// The name on the wire and in the store, such as `inbound_agent`.
    pub key: Arc<str>,
    /// English name, as reports print it.
    pub name_en: Arc<str>,
    /// Japanese name.
    pub name_ja: Arc<str>,
    /// What it is bought for.
    pub class: Class,
    /// How it is counted.
    pub model: Model,
    /// Whether contingency licences can be bought.
    pub contingency: bool,
    /// Whether an active user of this type needs a base licence.
    pub base: bool,
    /// The devices on which a login acquires it.
    pub acquired_on: Vec<Device>,
    /// Whether it carries interactions.
    pub channel: bool,
    /// Whether it appears in Licence Usage and Organisation Licence Usage.
    pub reported: bool,
    /// Its heading in Licence Metrics.
    pub group: Option<Group>,
    /// Whether a list from the PBX may assign it beside what is assigned by hand.
    pub synced: bool,
    /// Whether the wallboards of a user who has it are sent live counts.
    pub live_wallboard: bool,
}

/// Every licence type, in the order of every list; immutable once built.
#[derive(Debug)]
pub struct Catalogue {
    types: Vec<LicenceType>,
    by_key: Lookup<Arc<str>, LicenceId>,
    /// By [`Device::index`].
    carried: [LicenceSet; Device::ALL.len()],
    channels: LicenceSet,
    acquirable: LicenceSet,
    live_wallboards: LicenceSet,
}

/// Why a list of licence types is not a catalogue.
#[derive(Debug, PartialEq, Eq)]
pub enum CatalogueError {
    /// No user type: nobody could log in.
    NoUserType,
    /// More types than a set can hold; the number given.
    TooMany(usize),
    /// Two types with this key.
    DuplicateKey(String),
    /// A key that is empty, longer than 64 bytes or not `a-z`, `0-9` and `_`.
    BadKey(String),
    /// A type that cannot have what it claims: its key, and the claim.
    Contradiction(String, &'static str),
}

impl std::fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoUserType => write!(f, "no licence type has the class `user_type`"),
            Self::TooMany(count) => {
                write!(f, "{count} licence types, at most {} are possible", LicenceId::COUNT_MAX)
            }
            Self::DuplicateKey(key) => write!(f, "two licence types have the key `{key}`"),
            Self::BadKey(key) => {
                write!(f, "the key `{key}` is not 1 to 64 of the characters a-z, 0-9 and _")
            }
            Self::Contradiction(key, claim) => write!(f, "`{key}`: {claim}"),
        }
    }
}

impl std::error::Error for CatalogueError {}

impl Catalogue {
    /// Checks the types against each other and indexes them.
    ///
    /// # Errors
    /// The first contradiction found, naming the type.
    pub fn new(types: Vec<LicenceType>) -> Result<Self, CatalogueError> {
        if types.len() > LicenceId::COUNT_MAX {
            return Err(CatalogueError::TooMany(types.len()));
        }
        if !types.iter().any(|licence| licence.class == Class::UserType) {
            return Err(CatalogueError::NoUserType);
        }
        let mut catalogue = Self {
            by_key: Lookup::default(),
            carried: [LicenceSet::EMPTY; Device::ALL.len()],
            channels: LicenceSet::EMPTY,
            acquirable: LicenceSet::EMPTY,
            live_wallboards: LicenceSet::EMPTY,
            types: Vec::with_capacity(types.len()),
        };
        for licence in types {
            catalogue.add(licence)?;
        }
        Ok(catalogue)
    }

    fn add(&mut self, licence: LicenceType) -> Result<(), CatalogueError> {
        check(&licence)?;
        let id = LicenceId::from_index(self.types.len());
        if self.by_key.insert(licence.key.clone(), id).is_some() {
            return Err(CatalogueError::DuplicateKey(licence.key.to_string()));
        }
        for device in &licence.acquired_on {
            self.carried[device.index()].insert(id);
            self.acquirable.insert(id);
        }
        if licence.channel {
            self.channels.insert(id);
        }
        if licence.live_wallboard {
            self.live_wallboards.insert(id);
        }
        self.types.push(licence);
        Ok(())
    }

    /// The type at a position.
    pub fn get(&self, licence: LicenceId) -> &LicenceType {
        &self.types[licence.index()]
    }

    /// The type's name on the wire.
    pub fn key(&self, licence: LicenceId) -> &Arc<str> {
        &self.get(licence).key
    }

    /// The type with this key.
    pub fn find(&self, key: &str) -> Option<LicenceId> {
        self.by_key.get(key).copied()
    }

    /// Every type, in order.
    pub fn iter(&self) -> impl Iterator<Item = (LicenceId, &LicenceType)> {
        self.types
            .iter()
            .enumerate()
            .map(|(index, licence)| (LicenceId::from_index(index), licence))
    }

    /// How many types there are.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Never: a catalogue has at least one user type.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// What a login on `device` can acquire, seats included.
    pub fn carried_by(&self, device: Device) -> LicenceSet {
        self.carried[device.index()]
    }

    /// The service features that carry interactions.
    pub fn channels(&self) -> LicenceSet {
        self.channels
    }

    /// The types that make the wallboards of their user live.
    pub fn live_wallboards(&self) -> LicenceSet {
        self.live_wallboards
    }

    /// What a login can acquire on any device: the types that can have holders.
    pub fn acquirable(&self) -> LicenceSet {
        self.acquirable
    }
}

fn check(licence: &LicenceType) -> Result<(), CatalogueError> {
    let key = &*licence.key;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if key.is_empty() || key.len() > 64 || !key.chars().all(allowed) {
        return Err(CatalogueError::BadKey(key.to_owned()));
    }
    let claims = [
        (
            licence.contingency && licence.model != Model::Concurrent,
            "contingency is for concurrent types",
        ),
        (licence.base && licence.class != Class::UserType, "a base licence is for user types"),
        (licence.channel && licence.class != Class::Feature, "a channel is a feature"),
        (
            licence.model == Model::Assigned && !licence.acquired_on.is_empty(),
            "an assigned type is not acquired by a login",
        ),
        (
            licence.class == Class::UserType && licence.model == Model::Assigned,
            "a user type is concurrent or a fixed seat",
        ),
    ];
    match claims.iter().find(|(broken, _)| *broken) {
        Some((_, claim)) => Err(CatalogueError::Contradiction(key.to_owned(), claim)),
        None => Ok(()),
    }
}
