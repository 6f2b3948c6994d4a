//! What an organisation has beside its sessions: the history of what was bought, prices, base licences,
//! wallboards, the audit log.

use super::table::Table;
use super::{Statements, Writing};
use crate::store::audit_text;
use crate::store::postgres::value::millis;

impl<'a> Writing<'a> {
    /// All of it.
    pub(super) fn estate(&self, to: &mut Statements<'a>) {
        self.totals_log(to);
        self.prices(to);
        self.base_units(to);
        self.base_log(to);
        self.lapses(to);
        self.wallboards(to);
        self.wallboard_maximum(to);
        self.audit(to);
    }

    fn totals_log(&self, to: &mut Statements<'a>) {
        const RECORD: &str = "INSERT INTO totals_log (organisation, at, licence, base, concurrent, \
            contingency, fixed) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)";
        let catalogue = self.catalogue;
        Table::new(RECORD, self.rows(|effect| &effect.totals_log))
            .column(|(key, _)| *key)
            .column(|(_, (_, _, at))| millis(*at))
            .column(|(_, (licence, ..))| &**catalogue.key(*licence))
            .column(|(_, (_, totals, _))| i64::from(totals.base))
            .column(|(_, (_, totals, _))| i64::from(totals.concurrent))
            .column(|(_, (_, totals, _))| i64::from(totals.contingency))
            .column(|(_, (_, totals, _))| i64::from(totals.fixed))
            .end(to);
    }

    fn prices(&self, to: &mut Statements<'a>) {
        const SET: &str = "INSERT INTO totals (organisation, licence, base, concurrent, \
            contingency, fixed, unit_price) \
            SELECT organisation, licence, 0, 0, 0, 0, unit_price FROM unnest($1, $2, $3) \
            AS p (organisation, licence, unit_price) \
            ON CONFLICT (organisation, licence) DO UPDATE SET unit_price = excluded.unit_price";
        let catalogue = self.catalogue;
        Table::new(SET, self.rows(|effect| &effect.prices))
            .column(|(key, _)| *key)
            .column(|(_, (licence, _))| &**catalogue.key(**licence))
            .column(|(_, (_, price))| price.map(|price| price.to_string()))
            .end(to);
    }

    fn base_units(&self, to: &mut Statements<'a>) {
        const SAVE: &str = "INSERT INTO base_units (organisation, unit, licence, \"user\", is_gone, \
            assigned_at, is_reassigned, released_at) \
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) \
            ON CONFLICT (organisation, unit) DO UPDATE SET licence = excluded.licence, \
            \"user\" = excluded.\"user\", is_gone = excluded.is_gone, \
            assigned_at = excluded.assigned_at, is_reassigned = excluded.is_reassigned, \
            released_at = excluded.released_at";
        let catalogue = self.catalogue;
        Table::new(SAVE, self.rows(|effect| effect.base_units.values().copied()))
            .column(|(key, _)| *key)
            .column(|(_, unit)| unit.unit.cast_signed())
            .column(|(_, unit)| &**catalogue.key(unit.licence))
            .column(|(_, unit)| &*unit.user)
            .column(|(_, unit)| i64::from(unit.is_gone))
            .column(|(_, unit)| millis(unit.assigned_at))
            .column(|(_, unit)| i64::from(unit.is_reassigned))
            .column(|(_, unit)| unit.released_at.map(millis))
            .end(to);
    }

    fn base_log(&self, to: &mut Statements<'a>) {
        const RECORD: &str = "INSERT INTO base_log (organisation, at, licence, unit, change, \
            \"user\") SELECT * FROM unnest($1, $2, $3, $4, $5, $6)";
        let catalogue = self.catalogue;
        Table::new(RECORD, self.rows(|effect| effect.base_log.iter().copied()))
            .column(|(key, _)| *key)
            .column(|(_, (_, _, at))| millis(*at))
            .column(|(_, (unit, ..))| &**catalogue.key(unit.licence))
            .column(|(_, (unit, ..))| unit.unit.cast_signed())
            .column(|(_, (_, change, _))| change.as_str())
            .column(|(_, (unit, ..))| &*unit.user)
            .end(to);
    }

    fn wallboards(&self, to: &mut Statements<'a>) {
        const REMOVE: &str = "DELETE FROM wallboards AS w USING unnest($1, $2) \
            AS r (organisation, id) WHERE w.organisation = r.organisation AND w.id = r.id";
        const SAVE: &str = "INSERT INTO wallboards (organisation, id, name, \"user\", created_at) \
            SELECT * FROM unnest($1, $2, $3, $4, $5) \
            ON CONFLICT (organisation, id) DO UPDATE SET name = excluded.name, \
            \"user\" = excluded.\"user\", created_at = excluded.created_at";
        let removed = self.rows(|effect| {
            effect.wallboards.iter().filter(|(_, kept)| kept.is_none()).map(|(id, _)| *id)
        });
        Table::new(REMOVE, removed).column(|(key, _)| *key).column(|(_, id)| *id).end(to);
        let saved = self.rows(|effect| effect.wallboards.values().copied().flatten());
        Table::new(SAVE, saved)
            .column(|(key, _)| *key)
            .column(|(_, wallboard)| &*wallboard.id)
            .column(|(_, wallboard)| &*wallboard.name)
            .column(|(_, wallboard)| wallboard.user.as_deref())
            .column(|(_, wallboard)| millis(wallboard.created_at))
            .end(to);
    }

    fn wallboard_maximum(&self, to: &mut Statements<'a>) {
        const SET: &str = "UPDATE organisations AS o SET wallboards_maximum = w.maximum, \
            wallboards_version = w.version \
            FROM unnest($1, $2, $3) AS w (key, maximum, version) WHERE o.key = w.key";
        Table::new(SET, self.rows(|effect| effect.wallboard_maximum))
            .column(|(key, _)| *key)
            .column(|(_, (maximum, _))| i64::from(*maximum))
            .column(|(_, (_, version))| version.cast_signed())
            .end(to);
    }

    fn audit(&self, to: &mut Statements<'a>) {
        const RECORD: &str = "INSERT INTO audit (organisation, at, actor, role, action, target, \
            before, after) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)";
        let catalogue = self.catalogue;
        let text = |subject| audit_text::subject(subject, catalogue);
        Table::new(RECORD, self.rows(|effect| effect.audit.iter().copied()))
            .column(|(key, _)| *key)
            .column(|(_, record)| millis(record.at))
            .column(|(_, record)| &*record.author.name)
            .column(|(_, record)| record.author.role)
            .column(|(_, record)| record.action.as_str())
            .column(|(_, record)| &*record.target)
            .column(|(_, record)| record.before.as_ref().map(text))
            .column(|(_, record)| record.after.as_ref().map(text))
            .end(to);
    }
}
