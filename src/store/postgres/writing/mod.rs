//! What batches come to, as statements: each table once for all organisations of a commit, its rows in
//! arrays, all statements sent together.

mod estate;
mod figures;
mod lapses;
mod sessions;
mod table;

use super::statement::Statement;
use super::value::{features_text, millis, seconds_of_day};
use crate::domain::catalogue::Catalogue;
use crate::store::change::Change;
use crate::store::net_effect::NetEffect;
use table::Table;

/// Puts together what changes come to.
pub(super) struct Writing<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) changes: &'a [Change<'a>],
}

/// Statements, in the order in which they are to be sent.
type Statements<'a> = Vec<Statement<'a>>;

impl<'a> Writing<'a> {
    /// What goes, goes children first; what comes, comes parents first. None for a table that stays as it is.
    pub(super) fn all(&self) -> Statements<'a> {
        let mut all = Vec::new();
        self.users(&mut all);
        self.sessions(&mut all);
        self.logs(&mut all);
        self.totals(&mut all);
        self.figures(&mut all);
        self.estate(&mut all);
        self.settings(&mut all);
        self.removed(&mut all);
        all
    }

    /// One list over all organisations, each entry with the key of its own.
    fn rows<I: IntoIterator>(
        &self,
        of: impl Fn(&'a NetEffect<'a>) -> I,
    ) -> impl Iterator<Item = (i64, I::Item)> {
        let changes: &'a [Change<'a>] = self.changes;
        changes.iter().flat_map(move |change| {
            of(&change.effect).into_iter().map(move |row| (change.key, row))
        })
    }

    fn users(&self, to: &mut Statements<'a>) {
        const DELETE: &str = "UPDATE users AS u SET removed_at = d.at, status = 'deleted' \
            FROM unnest($1, $2, $3) AS d (organisation, \"user\", at) \
            WHERE u.organisation = d.organisation AND u.\"user\" = d.\"user\" \
            AND u.removed_at IS NULL";
        const SAVE: &str = "INSERT INTO users (organisation, \"user\", name, status, user_type, \
            features, synced, created_at, version) \
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) \
            ON CONFLICT (organisation, \"user\") WHERE removed_at IS NULL DO UPDATE SET \
            name = excluded.name, status = excluded.status, user_type = excluded.user_type, \
            features = excluded.features, synced = excluded.synced, \
            created_at = excluded.created_at, version = excluded.version";
        let catalogue = self.catalogue;
        let deleted = self.rows(|effect| {
            let users = effect.users.iter();
            users.filter_map(|(user, change)| Some((*user, change.deleted_at?)))
        });
        Table::new(DELETE, deleted)
            .column(|(key, _)| *key)
            .column(|(_, (user, _))| *user)
            .column(|(_, (_, at))| millis(*at))
            .end(to);
        let saved = self.rows(|effect| effect.users.iter().filter_map(|(_, change)| change.saved));
        Table::new(SAVE, saved)
            .column(|(key, _)| *key)
            .column(|(_, user)| &*user.user)
            .column(|(_, user)| &*user.name)
            .column(|(_, user)| user.status.as_str())
            .column(|(_, user)| &**catalogue.key(user.user_type))
            .column(|(_, user)| features_text(user.features, catalogue))
            .column(|(_, user)| features_text(user.synced, catalogue))
            .column(|(_, user)| millis(user.created_at))
            .column(|(_, user)| user.version.cast_signed())
            .end(to);
    }

    fn totals(&self, to: &mut Statements<'a>) {
        const SET: &str = "INSERT INTO totals (organisation, licence, base, concurrent, \
            contingency, fixed) SELECT * FROM unnest($1, $2, $3, $4, $5, $6) \
            ON CONFLICT (organisation, licence) DO UPDATE SET base = excluded.base, \
            concurrent = excluded.concurrent, contingency = excluded.contingency, \
            fixed = excluded.fixed";
        let catalogue = self.catalogue;
        Table::new(SET, self.rows(|effect| &effect.totals))
            .column(|(key, _)| *key)
            .column(|(_, (licence, _))| &**catalogue.key(**licence))
            .column(|(_, (_, totals))| i64::from(totals.base))
            .column(|(_, (_, totals))| i64::from(totals.concurrent))
            .column(|(_, (_, totals))| i64::from(totals.contingency))
            .column(|(_, (_, totals))| i64::from(totals.fixed))
            .end(to);
    }

    fn settings(&self, to: &mut Statements<'a>) {
        const TOTALS_VERSION: &str = "UPDATE organisations AS o SET totals_version = s.version \
            FROM unnest($1, $2) AS s (key, version) WHERE o.key = s.key";
        const SETTINGS: &str = "UPDATE organisations AS o SET name = s.name, \
            time_zone = s.time_zone, max_grace_s = s.max_grace_s, \
            scheduled_log_off_s = s.scheduled_log_off_s, version = s.version \
            FROM unnest($1, $2, $3, $4, $5, $6) AS s (key, name, time_zone, max_grace_s, \
            scheduled_log_off_s, version) WHERE o.key = s.key";
        Table::new(TOTALS_VERSION, self.rows(|effect| effect.totals_version))
            .column(|(key, _)| *key)
            .column(|(_, version)| version.cast_signed())
            .end(to);
        Table::new(SETTINGS, self.rows(|effect| effect.settings))
            .column(|(key, _)| *key)
            .column(|(_, settings)| &*settings.name)
            .column(|(_, settings)| settings.time_zone.name())
            .column(|(_, settings)| i64::from(settings.max_grace_s))
            .column(|(_, settings)| settings.scheduled_log_off.map(seconds_of_day))
            .column(|(_, settings)| settings.version.cast_signed())
            .end(to);
    }

    /// The logs stay under the internal key; whoever gets the number next has another.
    fn removed(&self, to: &mut Statements<'a>) {
        const SESSIONS: &str = "DELETE FROM sessions WHERE organisation = ANY ($1)";
        const USERS: &str = "UPDATE users AS u SET removed_at = r.at \
            FROM unnest($1, $2) AS r (organisation, at) \
            WHERE u.organisation = r.organisation AND u.removed_at IS NULL";
        const THEMSELVES: &str = "UPDATE organisations AS o SET removed_at = r.at, \
            moved = nextval('ownership_moves') \
            FROM unnest($1, $2) AS r (key, at) WHERE o.key = r.key";
        let removed = || self.rows(|effect| effect.removed_at);
        Table::new(SESSIONS, removed()).column(|(key, _)| *key).end(to);
        for statement in [USERS, THEMSELVES] {
            Table::new(statement, removed())
                .column(|(key, _)| *key)
                .column(|(_, at)| millis(*at))
                .end(to);
        }
    }
}
