//! Writes what batches come to: each table once for all organisations of a commit.

use super::bulk::{self, Append};
use super::value::{SessionText, features_text, held_text, millis, seconds_of_day};
use crate::domain::catalogue::Catalogue;
use crate::domain::reason::ReleaseReason;
use crate::store::change::Change;
use crate::store::net_effect::{NetEffect, denied_name, logon_source, with_value, without_value};
use rusqlite::{Connection, Statement, params};
use std::sync::LazyLock;

/// Writes changes, each table once for all organisations.
pub(super) struct Writing<'a> {
    pub(super) connection: &'a Connection,
    pub(super) catalogue: &'a Catalogue,
    pub(super) changes: &'a [Change<'a>],
}

impl<'a> Writing<'a> {
    /// What goes, goes children first; what comes, comes parents first.
    pub(super) fn all(&self) -> rusqlite::Result<()> {
        self.users_deleted()?;
        self.users_saved()?;
        self.held_changed()?;
        self.places_left()?;
        self.sessions_closed()?;
        self.sessions()?;
        self.places()?;
        self.usage()?;
        self.denials()?;
        self.totals()?;
        self.figures()?;
        self.estate()?;
        self.settings()?;
        self.removed()?;
        self.organisations()
    }

    /// One list over all organisations, each entry with the key of its own.
    pub(super) fn rows<I: IntoIterator>(
        &self,
        of: impl Fn(&'a NetEffect<'a>) -> I,
    ) -> impl Iterator<Item = (i64, I::Item)> {
        let changes: &'a [Change<'a>] = self.changes;
        changes.iter().flat_map(move |change| {
            of(&change.effect).into_iter().map(move |row| (change.key, row))
        })
    }

    /// One statement over many rows.
    pub(super) fn each<R>(
        &self,
        statement: &str,
        rows: impl IntoIterator<Item = R>,
        run: impl FnMut(&mut Statement<'_>, R) -> rusqlite::Result<usize>,
    ) -> rusqlite::Result<()> {
        bulk::each(self.connection, statement, rows, run)
    }

    fn users_deleted(&self) -> rusqlite::Result<()> {
        const DELETE: &str = "UPDATE users SET removed_at = ?3, status = 'deleted' \
            WHERE organisation = ?1 AND user = ?2 AND removed_at IS NULL";
        let deleted = self.rows(|effect| {
            let users = effect.users.iter();
            users.filter_map(|(user, change)| Some((*user, change.deleted_at?)))
        });
        self.each(DELETE, deleted, |delete, (key, (user, at))| {
            delete.execute(params![key, user, millis(at)])
        })
    }

    fn users_saved(&self) -> rusqlite::Result<()> {
        const SAVE: &str = "INSERT INTO users (organisation, user, name, status, user_type, \
            features, synced, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
            ON CONFLICT (organisation, user) WHERE removed_at IS NULL DO UPDATE SET \
            name = excluded.name, status = excluded.status, user_type = excluded.user_type, \
            features = excluded.features, synced = excluded.synced, \
            created_at = excluded.created_at, version = excluded.version";
        let saved = self.rows(|effect| effect.users.iter().filter_map(|(_, change)| change.saved));
        self.each(SAVE, saved, |save, (key, user)| {
            save.execute(params![
                key,
                user.user,
                user.name,
                user.status.as_str(),
                self.catalogue.key(user.user_type),
                features_text(user.features, self.catalogue),
                features_text(user.synced, self.catalogue),
                millis(user.created_at),
                user.version.cast_signed(),
            ])
        })
    }

    /// What sessions that go on got and gave back.
    fn held_changed(&self) -> rusqlite::Result<()> {
        const CHANGE: &str = "UPDATE sessions SET held = json_patch(held, ?3) \
            WHERE organisation = ?1 AND session = ?2";
        let changed = self.rows(NetEffect::sessions_changed);
        self.each(CHANGE, changed, |change, (key, (session, held))| {
            let text = held_text(held.clone(), self.catalogue);
            let rows = change.execute(params![key, SessionText::of(session), text])?;
            if rows == 0 && held.clone().any(|(_, instance)| instance.is_some()) {
                return Err(rusqlite::Error::StatementChangedRows(rows));
            }
            Ok(rows)
        })
    }

    /// Places that sessions which go on gave back.
    fn places_left(&self) -> rusqlite::Result<()> {
        const DELETE: &str =
            "DELETE FROM places WHERE organisation = ? AND session = ? AND licence = ?";
        let left = self.rows(|effect| without_value(&effect.places));
        self.each(DELETE, left, |delete, (key, (session, licence))| {
            delete.execute(params![key, SessionText::of(session), self.catalogue.key(licence)])
        })
    }

    /// Sessions that are over; the schema takes with them what they still had.
    fn sessions_closed(&self) -> rusqlite::Result<()> {
        const CLOSE: &str = "DELETE FROM sessions WHERE organisation = ? AND session = ?";
        let closed = self.rows(|effect| without_value(&effect.sessions));
        self.each(CLOSE, closed, |close, (key, session)| {
            close.execute(params![key, SessionText::of(session)])
        })
    }

    /// Each with what it holds: one row for a login.
    fn sessions(&self) -> rusqlite::Result<()> {
        const OPEN: &str = "INSERT INTO sessions (organisation, session, user, device, since, \
            grace_s, resume, address, held) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let opened = self.rows(NetEffect::sessions_opened);
        self.each(OPEN, opened, |open, (key, (opened, held))| {
            let held = held.filter(|(_, instance)| instance.is_some());
            open.execute(params![
                key,
                SessionText::of(opened.session),
                opened.user,
                opened.device.as_str(),
                millis(opened.since),
                opened.grace_s,
                opened.resume.0,
                opened.address,
                held_text(held, self.catalogue),
            ])
        })
    }

    fn places(&self) -> rusqlite::Result<()> {
        const WAIT: &str = "INSERT OR REPLACE INTO places (organisation, session, licence, place) \
            VALUES (?, ?, ?, ?)";
        let waiting = self.rows(|effect| with_value(&effect.places));
        self.each(WAIT, waiting, |wait, (key, ((session, licence), place))| {
            let licence = self.catalogue.key(licence);
            wait.execute(params![key, SessionText::of(session), licence, place.cast_signed()])
        })
    }

    fn usage(&self) -> rusqlite::Result<()> {
        static RECORD: LazyLock<Append> = LazyLock::new(|| {
            let head = "INSERT OR FAIL INTO usage (organisation, at, usage_type, licence, user, \
                        device, logon_source, session, pool, reason) VALUES ";
            Append::new(head, 10)
        });
        let records: Vec<_> = self.rows(|effect| effect.usage.iter().copied()).collect();
        RECORD.run(self.connection, &records, |values, (key, record)| {
            values
                .put(key)?
                .put(millis(record.at))?
                .put(record.usage_type.as_str())?
                .put(self.catalogue.key(record.licence))?
                .put(&record.user)?
                .put(record.device.as_str())?
                .put(logon_source(record))?
                .put(SessionText::of(record.session))?
                .put(record.pool.as_str())?
                .put(record.reason.map(ReleaseReason::as_str))?;
            Ok(())
        })
    }

    fn denials(&self) -> rusqlite::Result<()> {
        static RECORD: LazyLock<Append> = LazyLock::new(|| {
            let head = "INSERT OR FAIL INTO denials (organisation, at, licence, user, device, \
                        reason, outcome) VALUES ";
            Append::new(head, 7)
        });
        let records: Vec<_> = self.rows(|effect| effect.denials.iter().copied()).collect();
        RECORD.run(self.connection, &records, |values, (key, record)| {
            let licence = denied_name(&record.denied.licence, self.catalogue);
            values
                .put(key)?
                .put(millis(record.at))?
                .put(licence)?
                .put(&record.user)?
                .put(record.device.as_str())?
                .put(record.denied.reason.as_str())?
                .put(record.outcome.as_str())?;
            Ok(())
        })
    }

    fn totals(&self) -> rusqlite::Result<()> {
        const SET: &str = "INSERT INTO totals (organisation, licence, base, concurrent, \
            contingency, fixed) VALUES (?, ?, ?, ?, ?, ?) \
            ON CONFLICT (organisation, licence) DO UPDATE SET base = excluded.base, \
            concurrent = excluded.concurrent, contingency = excluded.contingency, \
            fixed = excluded.fixed";
        let totals = self.rows(|effect| &effect.totals);
        self.each(SET, totals, |set, (key, (licence, totals))| {
            set.execute(params![
                key,
                self.catalogue.key(*licence),
                totals.base,
                totals.concurrent,
                totals.contingency,
                totals.fixed,
            ])
        })
    }

    fn settings(&self) -> rusqlite::Result<()> {
        const TOTALS_VERSION: &str = "UPDATE organisations SET totals_version = ? WHERE key = ?";
        const SETTINGS: &str = "UPDATE organisations SET name = ?, time_zone = ?, max_grace_s = ?, \
            scheduled_log_off_s = ?, version = ? WHERE key = ?";
        let versions = self.rows(|effect| effect.totals_version);
        self.each(TOTALS_VERSION, versions, |set, (key, version)| {
            set.execute(params![version.cast_signed(), key])
        })?;
        let settings = self.rows(|effect| effect.settings);
        self.each(SETTINGS, settings, |set, (key, settings)| {
            set.execute(params![
                settings.name,
                settings.time_zone.name(),
                settings.max_grace_s,
                settings.scheduled_log_off.map(seconds_of_day),
                settings.version.cast_signed(),
                key,
            ])
        })
    }

    /// The logs stay under the internal key; whoever gets the number next has another.
    fn removed(&self) -> rusqlite::Result<()> {
        const SESSIONS: &str = "DELETE FROM sessions WHERE organisation = ?";
        const USERS: &str =
            "UPDATE users SET removed_at = ?2 WHERE organisation = ?1 AND removed_at IS NULL";
        const ITSELF: &str = "UPDATE organisations SET removed_at = ?2 WHERE key = ?1";
        let removed = || self.rows(|effect| effect.removed_at);
        self.each(SESSIONS, removed(), |delete, (key, _)| delete.execute([key]))?;
        for statement in [USERS, ITSELF] {
            self.each(statement, removed(), |remove, (key, at)| remove.execute([key, millis(at)]))?;
        }
        Ok(())
    }

    fn organisations(&self) -> rusqlite::Result<()> {
        const MOVE_ON: &str = "UPDATE organisations SET batch = ?2, last_at = max(last_at, ?3), \
            sequence = max(sequence, ?4) WHERE key = ?1";
        self.each(MOVE_ON, self.changes, |move_on, change| {
            move_on.execute(params![
                change.key,
                change.batch.cast_signed(),
                millis(change.last_at),
                change.sequence.cast_signed(),
            ])
        })
    }
}
