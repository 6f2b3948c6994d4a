//! Identifiers, and sets of licence types.

use super::secret::is_same;
use std::fmt;
use std::sync::Arc;

/// The number by which an organisation is known: chosen by the caller, from 1 to [`OrganisationId::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrganisationId(u64);

impl OrganisationId {
    /// The largest number that every JSON reader keeps exact.
    pub const MAX: u64 = (1 << 53) - 1;

    /// `None` for 0 and for numbers above [`Self::MAX`].
    pub const fn new(number: u64) -> Option<Self> {
        if number >= 1 && number <= Self::MAX { Some(Self(number)) } else { None }
    }

    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for OrganisationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identifies a session for ever; the bits are those of a ULID, so that ids sort by time of login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u128);

impl fmt::Display for SessionId {
    /// As a ULID is written: 26 characters of Crockford's base 32.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        for place in (0..26).rev() {
            let digit = usize::from((self.0 >> (place * 5)).to_le_bytes()[0] & 31);
            write!(f, "{}", char::from(DIGITS[digit]))?;
        }
        Ok(())
    }
}

/// Identifies one connection of a device within the life of the process.
///
/// A session that was resumed keeps its [`SessionId`] and gets another link, so a late goodbye of the
/// old connection is told from one of the new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub u64);

/// A user's login name.
pub type UserName = Arc<str>;

/// SHA-256 of a resume token; the token itself is known to its device alone.
/// It is not printed.
#[derive(Clone, Copy)]
pub struct ResumeDigest(pub [u8; 32]);

impl ResumeDigest {
    /// Compares in time that does not depend on where the digests differ.
    pub fn matches(&self, other: &Self) -> bool {
        is_same(&self.0, &other.0)
    }
}

impl fmt::Debug for ResumeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeDigest(…)")
    }
}

/// A licence type's position in the catalogue; smaller comes first in every list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LicenceId(u8);

impl LicenceId {
    /// How many licence types a catalogue may have: one bit of a [`LicenceSet`] each.
    pub const COUNT_MAX: usize = 128;

    /// Position `index` of the catalogue.
    ///
    /// # Panics
    /// If `index` is not below [`Self::COUNT_MAX`]; the catalogue makes sure of it when it is built.
    pub fn from_index(index: usize) -> Self {
        assert!(index < Self::COUNT_MAX, "licence type {index} is beyond the bound of a catalogue");
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the assertion above")]
        Self(index as u8)
    }

    /// The position, for indexing.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of licence types, iterated in catalogue order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LicenceSet(u128);

impl LicenceSet {
    /// The set without members.
    pub const EMPTY: Self = Self(0);

    /// Adds a member; whether it was new.
    pub fn insert(&mut self, licence: LicenceId) -> bool {
        let before = self.0;
        self.0 |= 1 << licence.0;
        before != self.0
    }

    /// Takes a member out; whether it was there.
    pub fn remove(&mut self, licence: LicenceId) -> bool {
        let before = self.0;
        self.0 &= !(1 << licence.0);
        before != self.0
    }

    /// Whether `licence` is a member.
    pub fn contains(self, licence: LicenceId) -> bool {
        self.0 & (1 << licence.0) != 0
    }

    /// Whether there are no members.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many members there are.
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Members of either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Members of both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Members of this one that are not in the other.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Members in catalogue order.
    pub fn iter(self) -> impl Iterator<Item = LicenceId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest == 0 {
                return None;
            }
            let lowest = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            Some(LicenceId::from_index(lowest))
        })
    }
}

impl FromIterator<LicenceId> for LicenceSet {
    fn from_iter<I: IntoIterator<Item = LicenceId>>(members: I) -> Self {
        let mut set = Self::EMPTY;
        for member in members {
            set.insert(member);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_iterates_in_catalogue_order_without_doubles() {
        let set: LicenceSet = [9, 127, 0, 9].into_iter().map(LicenceId::from_index).collect();
        let indexes: Vec<usize> = set.iter().map(LicenceId::index).collect();
        assert_eq!(indexes, [0, 9, 127]);
    }

    #[test]
    fn organisations_are_numbered_from_one_to_what_json_keeps_exact() {
        assert!(OrganisationId::new(0).is_none());
        assert!(OrganisationId::new(OrganisationId::MAX).is_some());
        assert!(OrganisationId::new(OrganisationId::MAX + 1).is_none());
    }

    #[test]
    fn digests_match_only_when_every_byte_does() {
        let mut other = [7; 32];
        assert!(ResumeDigest([7; 32]).matches(&ResumeDigest(other)));
        other[31] = 8;
        assert!(!ResumeDigest([7; 32]).matches(&ResumeDigest(other)));
    }
}
