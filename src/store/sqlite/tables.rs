//! Writes what batches come to: each table once for all organisations of a commit.

use super::bulk::Bulk;
use super::commit::Change;
use super::value::{features_text, millis, seconds_of_day, session_text, word};
use crate::domain::catalogue::Catalogue;
use crate::domain::event::{DenialRecord, DeniedName, SessionOpened, UsageRecord};
use crate::domain::ids::SessionId;
use crate::store::net_effect::{Held, NetEffect};
use sqlx::sqlite::SqliteConnection;
use std::collections::BTreeMap;

/// Writes changes, each table once for all organisations.
pub(super) struct Writing<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    pub(super) catalogue: &'a Catalogue,
    pub(super) changes: &'a [Change<'a>],
}

impl<'a> Writing<'a> {
    /// What goes, goes children first; what comes, comes parents first.
    pub(super) async fn all(&mut self) -> Result<(), sqlx::Error> {
        self.users_deleted().await?;
        self.users_saved().await?;
        self.held_before().await?;
        self.sessions_closed().await?;
        self.sessions().await?;
        self.instances().await?;
        self.places().await?;
        self.usage().await?;
        self.denials().await?;
        self.totals().await?;
        self.figures().await?;
        self.estate().await?;
        self.settings().await?;
        self.removed().await?;
        self.organisations().await
    }

    /// One list over all organisations, each entry with the key of its own.
    pub(super) fn rows<T>(&self, of: impl Fn(&'a NetEffect<'a>) -> Vec<T>) -> Vec<(i64, T)> {
        let changes = self.changes.iter();
        changes
            .flat_map(|change| of(&change.effect).into_iter().map(|row| (change.key, row)))
            .collect()
    }

    async fn users_deleted(&mut self) -> Result<(), sqlx::Error> {
        const DELETE: Bulk = Bulk {
            head: "UPDATE users SET removed_at = gone.column3, status = 'deleted' FROM (VALUES ",
            columns: 3,
            tail: ") AS gone WHERE organisation = gone.column1 AND user = gone.column2 \
                   AND removed_at IS NULL",
        };
        let deleted = self.rows(|effect| {
            let users = effect.users.iter();
            users.filter_map(|(user, change)| Some((*user, change.deleted_at?))).collect()
        });
        DELETE
            .run(self.connection, &deleted, |statement, (key, (user, at))| {
                statement.bind(*key).bind((*user).to_owned()).bind(millis(*at))
            })
            .await
    }

    async fn users_saved(&mut self) -> Result<(), sqlx::Error> {
        const SAVE: Bulk = Bulk {
            head: "INSERT INTO users (organisation, user, name, status, user_type, features, \
                   synced, created_at, version) VALUES ",
            columns: 9,
            tail: " ON CONFLICT (organisation, user) WHERE removed_at IS NULL DO UPDATE SET \
                   name = excluded.name, status = excluded.status, \
                   user_type = excluded.user_type, features = excluded.features, \
                   synced = excluded.synced, created_at = excluded.created_at, version = excluded.version",
        };
        let saved = self
            .rows(|effect| effect.users.iter().filter_map(|(_, change)| change.saved).collect());
        let catalogue = self.catalogue;
        SAVE.run(self.connection, &saved, |statement, (key, user)| {
            statement
                .bind(*key)
                .bind(user.user.clone())
                .bind(user.name.clone())
                .bind(word(user.status.as_str()))
                .bind(catalogue.key(user.user_type).clone())
                .bind(features_text(user.features, catalogue))
                .bind(features_text(user.synced, catalogue))
                .bind(millis(user.created_at))
                .bind(user.version.cast_signed())
        })
        .await
    }

    /// Instances and places that sessions which go on gave back.
    ///
    /// The sub-select, unlike a bare list of values, lets SQLite use the primary key.
    async fn held_before(&mut self) -> Result<(), sqlx::Error> {
        const INSTANCES: Bulk = Bulk {
            head: "DELETE FROM instances WHERE (organisation, session, licence) IN \
                   (SELECT column1, column2, column3 FROM (VALUES ",
            columns: 3,
            tail: "))",
        };
        const PLACES: Bulk = Bulk {
            head: "DELETE FROM places WHERE (organisation, session, licence) IN \
                   (SELECT column1, column2, column3 FROM (VALUES ",
            ..INSTANCES
        };
        let instances = self.rows(|effect| without_value(&effect.instances));
        self.remove_held(INSTANCES, &instances).await?;
        let places = self.rows(|effect| without_value(&effect.places));
        self.remove_held(PLACES, &places).await
    }

    /// Sessions that are over; the schema takes with them what they still had.
    async fn sessions_closed(&mut self) -> Result<(), sqlx::Error> {
        const CLOSE: Bulk = Bulk {
            head: "DELETE FROM sessions WHERE (organisation, session) IN \
                   (SELECT column1, column2 FROM (VALUES ",
            columns: 2,
            tail: "))",
        };
        let closed: Vec<(i64, SessionId)> = self.rows(|effect| without_value(&effect.sessions));
        CLOSE
            .run(self.connection, &closed, |statement, (key, session)| {
                statement.bind(*key).bind(session_text(*session))
            })
            .await
    }

    async fn remove_held(
        &mut self,
        statement: Bulk,
        rows: &[(i64, Held)],
    ) -> Result<(), sqlx::Error> {
        let catalogue = self.catalogue;
        statement
            .run(self.connection, rows, |statement, (key, (session, licence))| {
                statement
                    .bind(*key)
                    .bind(session_text(*session))
                    .bind(catalogue.key(*licence).clone())
            })
            .await
    }

    async fn sessions(&mut self) -> Result<(), sqlx::Error> {
        const OPEN: Bulk = Bulk {
            head: "INSERT INTO sessions (organisation, session, user, device, since, grace_s, \
                   resume, address) VALUES ",
            columns: 8,
            tail: "",
        };
        let opened: Vec<(i64, &SessionOpened)> =
            self.rows(|effect| effect.sessions.values().copied().flatten().collect());
        OPEN.run(self.connection, &opened, |statement, (key, opened)| {
            statement
                .bind(*key)
                .bind(session_text(opened.session))
                .bind(opened.user.clone())
                .bind(word(opened.device.as_str()))
                .bind(millis(opened.since))
                .bind(i64::from(opened.grace_s))
                .bind(opened.resume.0.to_vec())
                .bind(opened.address.clone())
        })
        .await
    }

    async fn instances(&mut self) -> Result<(), sqlx::Error> {
        const HOLD: Bulk = Bulk {
            head: "INSERT OR REPLACE INTO instances (organisation, session, licence, pool, since, \
                   holder_order, holder_since) VALUES ",
            columns: 7,
            tail: "",
        };
        let held = self.rows(|effect| with_value(&effect.instances));
        let catalogue = self.catalogue;
        HOLD.run(self.connection, &held, |statement, (key, ((session, licence), instance))| {
            statement
                .bind(*key)
                .bind(session_text(*session))
                .bind(catalogue.key(*licence).clone())
                .bind(word(instance.pool.as_str()))
                .bind(millis(instance.since))
                .bind(instance.holder_order.cast_signed())
                .bind(millis(instance.holder_since))
        })
        .await
    }

    async fn places(&mut self) -> Result<(), sqlx::Error> {
        const WAIT: Bulk = Bulk {
            head: "INSERT OR REPLACE INTO places (organisation, session, licence, place) VALUES ",
            columns: 4,
            tail: "",
        };
        let waiting = self.rows(|effect| with_value(&effect.places));
        let catalogue = self.catalogue;
        WAIT.run(self.connection, &waiting, |statement, (key, ((session, licence), place))| {
            statement
                .bind(*key)
                .bind(session_text(*session))
                .bind(catalogue.key(*licence).clone())
                .bind(place.cast_signed())
        })
        .await
    }

    async fn usage(&mut self) -> Result<(), sqlx::Error> {
        const RECORD: Bulk = Bulk {
            head: "INSERT INTO usage (organisation, at, usage_type, licence, user, device, \
                   logon_source, session, pool, reason) VALUES ",
            columns: 10,
            tail: "",
        };
        let records: Vec<(i64, &UsageRecord)> = self.rows(|effect| effect.usage.clone());
        let catalogue = self.catalogue;
        RECORD
            .run(self.connection, &records, |statement, (key, record)| {
                statement
                    .bind(*key)
                    .bind(millis(record.at))
                    .bind(word(record.usage_type.as_str()))
                    .bind(catalogue.key(record.licence).clone())
                    .bind(record.user.clone())
                    .bind(word(record.device.as_str()))
                    .bind(word(logon_source(record)))
                    .bind(session_text(record.session))
                    .bind(word(record.pool.as_str()))
                    .bind(record.reason.map(|reason| word(reason.as_str())))
            })
            .await
    }

    async fn denials(&mut self) -> Result<(), sqlx::Error> {
        const RECORD: Bulk = Bulk {
            head: "INSERT INTO denials (organisation, at, licence, user, device, reason, outcome) \
                   VALUES ",
            columns: 7,
            tail: "",
        };
        let records: Vec<(i64, &DenialRecord)> = self.rows(|effect| effect.denials.clone());
        let catalogue = self.catalogue;
        RECORD
            .run(self.connection, &records, |statement, (key, record)| {
                let licence = match &record.denied.licence {
                    DeniedName::Licence(licence) => catalogue.key(*licence),
                    DeniedName::Unknown(name) => name,
                };
                statement
                    .bind(*key)
                    .bind(millis(record.at))
                    .bind(licence.clone())
                    .bind(record.user.clone())
                    .bind(word(record.device.as_str()))
                    .bind(word(record.denied.reason.as_str()))
                    .bind(word(record.outcome.as_str()))
            })
            .await
    }

    async fn totals(&mut self) -> Result<(), sqlx::Error> {
        const SET: Bulk = Bulk {
            head: "INSERT INTO totals (organisation, licence, base, concurrent, contingency, \
                   fixed) VALUES ",
            columns: 6,
            tail: " ON CONFLICT (organisation, licence) DO UPDATE SET base = excluded.base, \
                   concurrent = excluded.concurrent, contingency = excluded.contingency, \
                   fixed = excluded.fixed",
        };
        let totals = self.rows(|effect| effect.totals.iter().collect());
        let catalogue = self.catalogue;
        SET.run(self.connection, &totals, |statement, (key, (licence, totals))| {
            statement
                .bind(*key)
                .bind(catalogue.key(**licence).clone())
                .bind(i64::from(totals.base))
                .bind(i64::from(totals.concurrent))
                .bind(i64::from(totals.contingency))
                .bind(i64::from(totals.fixed))
        })
        .await
    }

    /// Changed by people: a statement for each does.
    async fn settings(&mut self) -> Result<(), sqlx::Error> {
        for change in self.changes {
            if let Some(version) = change.effect.totals_version {
                sqlx::query("UPDATE organisations SET totals_version = ? WHERE key = ?")
                    .bind(version.cast_signed())
                    .bind(change.key)
                    .execute(&mut *self.connection)
                    .await?;
            }
            let Some(settings) = change.effect.settings else {
                continue;
            };
            sqlx::query(
                "UPDATE organisations SET name = ?, time_zone = ?, max_grace_s = ?, \
                 scheduled_log_off_s = ?, version = ? WHERE key = ?",
            )
            .bind(settings.name.clone())
            .bind(settings.time_zone.name())
            .bind(i64::from(settings.max_grace_s))
            .bind(settings.scheduled_log_off.map(seconds_of_day))
            .bind(settings.version.cast_signed())
            .bind(change.key)
            .execute(&mut *self.connection)
            .await?;
        }
        Ok(())
    }

    /// The logs stay under the internal key; whoever gets the number next has another.
    async fn removed(&mut self) -> Result<(), sqlx::Error> {
        for change in self.changes {
            let Some(at) = change.effect.removed_at else {
                continue;
            };
            for statement in [
                "DELETE FROM sessions WHERE organisation = ?1",
                "UPDATE users SET removed_at = ?2 WHERE organisation = ?1 AND removed_at IS NULL",
                "UPDATE organisations SET removed_at = ?2 WHERE key = ?1",
            ] {
                let query = sqlx::query(statement).bind(change.key).bind(millis(at));
                query.execute(&mut *self.connection).await?;
            }
        }
        Ok(())
    }

    async fn organisations(&mut self) -> Result<(), sqlx::Error> {
        const MOVE_ON: Bulk = Bulk {
            head: "UPDATE organisations SET batch = done.column2, \
                   last_at = max(last_at, done.column3), sequence = max(sequence, done.column4) \
                   FROM (VALUES ",
            columns: 4,
            tail: ") AS done WHERE key = done.column1",
        };
        MOVE_ON
            .run(self.connection, self.changes, |statement, change| {
                statement
                    .bind(change.key)
                    .bind(change.batch.cast_signed())
                    .bind(millis(change.last_at))
                    .bind(change.sequence.cast_signed())
            })
            .await
    }
}

/// How reports name the device of a grant, or the end that a release came from.
fn logon_source(record: &UsageRecord) -> &'static str {
    let source = match record.reason {
        Some(reason) => reason.logon_source(record.device),
        None => record.device.logon_source(),
    };
    source.as_str()
}

fn with_value<K: Copy, V: Copy>(map: &BTreeMap<K, Option<V>>) -> Vec<(K, V)> {
    map.iter().filter_map(|(key, value)| Some((*key, (*value)?))).collect()
}

fn without_value<K: Copy, V>(map: &BTreeMap<K, Option<V>>) -> Vec<K> {
    map.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| *key).collect()
}
