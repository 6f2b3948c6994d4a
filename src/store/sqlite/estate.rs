//! Writes what an organisation has beside its sessions: the history of what was bought, prices, base
//! licences, who was active, wallboards, the audit log. Changed by people: a statement for each does,
//! except where an import changes many.

use super::bulk::Bulk;
use super::tables::Writing;
use super::value::{millis, word};
use crate::store::audit_text;

impl Writing<'_> {
    /// All of it.
    pub(super) async fn estate(&mut self) -> Result<(), sqlx::Error> {
        self.totals_log().await?;
        self.prices().await?;
        self.base_units().await?;
        self.base_log().await?;
        self.lapses().await?;
        self.wallboards().await?;
        self.wallboard_maximum().await?;
        self.audit().await
    }

    async fn totals_log(&mut self) -> Result<(), sqlx::Error> {
        const RECORD: Bulk = Bulk {
            head: "INSERT INTO totals_log (organisation, at, licence, base, concurrent, \
                   contingency, fixed) VALUES ",
            columns: 7,
            tail: "",
        };
        let changes = self.rows(|effect| effect.totals_log.clone());
        let catalogue = self.catalogue;
        RECORD
            .run(self.connection, &changes, |statement, (key, (licence, totals, at))| {
                statement
                    .bind(*key)
                    .bind(millis(*at))
                    .bind(catalogue.key(*licence).clone())
                    .bind(i64::from(totals.base))
                    .bind(i64::from(totals.concurrent))
                    .bind(i64::from(totals.contingency))
                    .bind(i64::from(totals.fixed))
            })
            .await
    }

    async fn prices(&mut self) -> Result<(), sqlx::Error> {
        const SET: Bulk = Bulk {
            head: "INSERT INTO totals (organisation, licence, base, concurrent, contingency, \
                   fixed, unit_price) SELECT column1, column2, 0, 0, 0, 0, column3 FROM (VALUES ",
            columns: 3,
            tail: ") WHERE true ON CONFLICT (organisation, licence) DO UPDATE SET \
                   unit_price = excluded.unit_price",
        };
        let prices = self.rows(|effect| effect.prices.iter().collect());
        let catalogue = self.catalogue;
        SET.run(self.connection, &prices, |statement, (key, (licence, price))| {
            statement
                .bind(*key)
                .bind(catalogue.key(**licence).clone())
                .bind(price.map(|price| price.to_string()))
        })
        .await
    }

    async fn base_units(&mut self) -> Result<(), sqlx::Error> {
        const SAVE: Bulk = Bulk {
            head: "INSERT OR REPLACE INTO base_units (organisation, unit, licence, user, is_gone, \
                   assigned_at, is_reassigned, released_at) VALUES ",
            columns: 8,
            tail: "",
        };
        let units = self.rows(|effect| effect.base_units.values().copied().collect());
        let catalogue = self.catalogue;
        SAVE.run(self.connection, &units, |statement, (key, unit)| {
            statement
                .bind(*key)
                .bind(unit.unit.cast_signed())
                .bind(catalogue.key(unit.licence).clone())
                .bind(unit.user.clone())
                .bind(unit.is_gone)
                .bind(millis(unit.assigned_at))
                .bind(unit.is_reassigned)
                .bind(unit.released_at.map(millis))
        })
        .await
    }

    async fn base_log(&mut self) -> Result<(), sqlx::Error> {
        const RECORD: Bulk = Bulk {
            head: "INSERT INTO base_log (organisation, at, licence, unit, change, user) VALUES ",
            columns: 6,
            tail: "",
        };
        let changes = self.rows(|effect| effect.base_log.clone());
        let catalogue = self.catalogue;
        RECORD
            .run(self.connection, &changes, |statement, (key, (unit, change, at))| {
                statement
                    .bind(*key)
                    .bind(millis(*at))
                    .bind(catalogue.key(unit.licence).clone())
                    .bind(unit.unit.cast_signed())
                    .bind(word(change.as_str()))
                    .bind(unit.user.clone())
            })
            .await
    }

    async fn wallboards(&mut self) -> Result<(), sqlx::Error> {
        let wallboards =
            self.rows(|effect| effect.wallboards.iter().map(|(id, kept)| (*id, *kept)).collect());
        for (key, (id, wallboard)) in wallboards {
            let statement = match wallboard {
                None => sqlx::query("DELETE FROM wallboards WHERE organisation = ? AND id = ?")
                    .bind(key)
                    .bind(id.to_owned()),
                Some(wallboard) => sqlx::query(
                    "INSERT OR REPLACE INTO wallboards (organisation, id, name, user, created_at) \
                     VALUES (?, ?, ?, ?, ?)",
                )
                .bind(key)
                .bind(id.to_owned())
                .bind(wallboard.name.clone())
                .bind(wallboard.user.clone())
                .bind(millis(wallboard.created_at)),
            };
            statement.execute(&mut *self.connection).await?;
        }
        Ok(())
    }

    async fn wallboard_maximum(&mut self) -> Result<(), sqlx::Error> {
        for change in self.changes {
            let Some((maximum, version)) = change.effect.wallboard_maximum else { continue };
            sqlx::query(
                "UPDATE organisations SET wallboards_maximum = ?, wallboards_version = ? \
                 WHERE key = ?",
            )
            .bind(i64::from(maximum))
            .bind(version.cast_signed())
            .bind(change.key)
            .execute(&mut *self.connection)
            .await?;
        }
        Ok(())
    }

    async fn audit(&mut self) -> Result<(), sqlx::Error> {
        const RECORD: Bulk = Bulk {
            head: "INSERT INTO audit (organisation, at, actor, role, action, target, before, after) \
                   VALUES ",
            columns: 8,
            tail: "",
        };
        let records = self.rows(|effect| effect.audit.clone());
        let catalogue = self.catalogue;
        RECORD
            .run(self.connection, &records, |statement, (key, record)| {
                let text = |subject| audit_text::subject(subject, catalogue);
                statement
                    .bind(*key)
                    .bind(millis(record.at))
                    .bind(record.author.name.clone())
                    .bind(word(record.author.role))
                    .bind(word(record.action.as_str()))
                    .bind(record.target.clone())
                    .bind(record.before.as_ref().map(text))
                    .bind(record.after.as_ref().map(text))
            })
            .await
    }
}
