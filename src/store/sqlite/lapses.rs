//! Writes who was active in a month and is not any more.

use super::tables::Writing;
use super::value::{millis, month_text};
use crate::domain::activity::{LapseChange, Lapsed};
use crate::store::net_effect::Lapse;
use rusqlite::params;
use std::iter;

/// Stands for a licence type where somebody was active at all.
const AT_ALL: &str = "";

impl Writing<'_> {
    /// In the order of the decisions: a name can come and go, and be another person's, within a commit.
    pub(super) fn lapses(&self) -> rusqlite::Result<()> {
        for (key, lapse) in self.rows(|effect| &effect.lapses) {
            match lapse.change {
                LapseChange::Ended(lapsed) => self.lapse_ended(key, lapse, lapsed)?,
                LapseChange::Began(lapsed) => self.lapse_began(key, lapse, lapsed)?,
                LapseChange::Detached => self.lapse_detached(key, lapse)?,
            }
        }
        Ok(())
    }

    fn lapse_ended(&self, key: i64, lapse: &Lapse<'_>, lapsed: Lapsed) -> rusqlite::Result<()> {
        const END: &str = "DELETE FROM lapses WHERE organisation = ? AND month = ? AND user = ? \
            AND licence = ? AND is_gone = 0";
        let month = month_text(lapse.month);
        self.each(END, self.licences(lapsed), |end, licence| {
            end.execute(params![key, month, lapse.user, licence])
        })
    }

    fn lapse_began(&self, key: i64, lapse: &Lapse<'_>, lapsed: Lapsed) -> rusqlite::Result<()> {
        const BEGIN: &str = "INSERT INTO lapses (organisation, month, user, licence, at, is_gone) \
            VALUES (?, ?, ?, ?, ?, 0)";
        let month = month_text(lapse.month);
        self.each(BEGIN, self.licences(lapsed), |begin, licence| {
            begin.execute(params![key, month, lapse.user, licence, millis(lapse.at)])
        })
    }

    /// `at` tells people by one name from each other: who is deleted at the instant of the one before
    /// comes a millisecond later.
    fn lapse_detached(&self, key: i64, lapse: &Lapse<'_>) -> rusqlite::Result<()> {
        const DETACH: &str = "UPDATE lapses SET is_gone = 1, at = max(?4, coalesce((\
            SELECT max(at) + 1 FROM lapses AS earlier \
            WHERE earlier.organisation = ?1 AND earlier.month = ?2 AND earlier.user = ?3 \
            AND earlier.licence = lapses.licence AND earlier.is_gone = 1), 0)) \
            WHERE organisation = ?1 AND month = ?2 AND user = ?3 AND is_gone = 0";
        let mut detach = self.connection.prepare_cached(DETACH)?;
        detach.execute(params![key, month_text(lapse.month), lapse.user, millis(lapse.at)])?;
        Ok(())
    }

    fn licences(&self, lapsed: Lapsed) -> impl Iterator<Item = &str> {
        let licences = lapsed.licences.iter().map(|licence| self.catalogue.key(licence).as_ref());
        licences.chain(iter::once(AT_ALL).filter(move |_| lapsed.at_all))
    }
}
