//! Writes what an organisation has beside its sessions: the history of what was bought, prices, base
//! licences, who was active, wallboards, the audit log.

use super::tables::Writing;
use super::value::millis;
use crate::store::audit_text;
use rusqlite::params;

impl Writing<'_> {
    /// All of it.
    pub(super) fn estate(&self) -> rusqlite::Result<()> {
        self.totals_log()?;
        self.prices()?;
        self.base_units()?;
        self.base_log()?;
        self.lapses()?;
        self.wallboards_removed()?;
        self.wallboards_saved()?;
        self.wallboard_maximum()?;
        self.audit()
    }

    fn totals_log(&self) -> rusqlite::Result<()> {
        const RECORD: &str = "INSERT INTO totals_log (organisation, at, licence, base, concurrent, \
            contingency, fixed) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let changes = self.rows(|effect| &effect.totals_log);
        self.each(RECORD, changes, |insert, (key, (licence, totals, at))| {
            insert.execute(params![
                key,
                millis(*at),
                self.catalogue.key(*licence),
                totals.base,
                totals.concurrent,
                totals.contingency,
                totals.fixed,
            ])
        })
    }

    fn prices(&self) -> rusqlite::Result<()> {
        const SET: &str = "INSERT INTO totals (organisation, licence, base, concurrent, \
            contingency, fixed, unit_price) VALUES (?, ?, 0, 0, 0, 0, ?) \
            ON CONFLICT (organisation, licence) DO UPDATE SET unit_price = excluded.unit_price";
        let prices = self.rows(|effect| &effect.prices);
        self.each(SET, prices, |set, (key, (licence, price))| {
            let price = price.map(|price| price.to_string());
            set.execute(params![key, self.catalogue.key(*licence), price])
        })
    }

    fn base_units(&self) -> rusqlite::Result<()> {
        const SAVE: &str = "INSERT OR REPLACE INTO base_units (organisation, unit, licence, user, \
            is_gone, assigned_at, is_reassigned, released_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let units = self.rows(|effect| effect.base_units.values());
        self.each(SAVE, units, |save, (key, unit)| {
            save.execute(params![
                key,
                unit.unit.cast_signed(),
                self.catalogue.key(unit.licence),
                unit.user,
                unit.is_gone,
                millis(unit.assigned_at),
                unit.is_reassigned,
                unit.released_at.map(millis),
            ])
        })
    }

    fn base_log(&self) -> rusqlite::Result<()> {
        const RECORD: &str = "INSERT INTO base_log (organisation, at, licence, unit, change, user) \
            VALUES (?, ?, ?, ?, ?, ?)";
        let changes = self.rows(|effect| &effect.base_log);
        self.each(RECORD, changes, |insert, (key, (unit, change, at))| {
            insert.execute(params![
                key,
                millis(*at),
                self.catalogue.key(unit.licence),
                unit.unit.cast_signed(),
                change.as_str(),
                unit.user,
            ])
        })
    }

    fn wallboards_removed(&self) -> rusqlite::Result<()> {
        const REMOVE: &str = "DELETE FROM wallboards WHERE organisation = ? AND id = ?";
        let removed = self.rows(|effect| {
            effect.wallboards.iter().filter(|(_, kept)| kept.is_none()).map(|(id, _)| *id)
        });
        self.each(REMOVE, removed, |remove, (key, id)| remove.execute(params![key, id]))
    }

    fn wallboards_saved(&self) -> rusqlite::Result<()> {
        const SAVE: &str = "INSERT OR REPLACE INTO wallboards (organisation, id, name, user, \
            created_at) VALUES (?, ?, ?, ?, ?)";
        let saved = self.rows(|effect| effect.wallboards.values().copied().flatten());
        self.each(SAVE, saved, |save, (key, wallboard)| {
            save.execute(params![
                key,
                wallboard.id,
                wallboard.name,
                wallboard.user,
                millis(wallboard.created_at),
            ])
        })
    }

    fn wallboard_maximum(&self) -> rusqlite::Result<()> {
        const SET: &str = "UPDATE organisations SET wallboards_maximum = ?, \
            wallboards_version = ? WHERE key = ?";
        let maxima = self.rows(|effect| effect.wallboard_maximum);
        self.each(SET, maxima, |set, (key, (maximum, version))| {
            set.execute(params![maximum, version.cast_signed(), key])
        })
    }

    fn audit(&self) -> rusqlite::Result<()> {
        const RECORD: &str = "INSERT INTO audit (organisation, at, actor, role, action, target, \
            before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let records = self.rows(|effect| effect.audit.iter().copied());
        self.each(RECORD, records, |insert, (key, record)| {
            let text = |subject| audit_text::subject(subject, self.catalogue);
            insert.execute(params![
                key,
                millis(record.at),
                record.author.name,
                record.author.role,
                record.action.as_str(),
                record.target,
                record.before.as_ref().map(text),
                record.after.as_ref().map(text),
            ])
        })
    }
}
