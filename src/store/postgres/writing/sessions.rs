//! Sessions, what they hold and wait for, and the logs of both: what every commit writes, by functions that the
//! schema has (migrations/postgres).

use super::table::Table;
use super::{Statements, Writing};
use crate::domain::reason::ReleaseReason;
use crate::store::net_effect::{NetEffect, denied_name, logon_source, with_value, without_value};
use crate::store::postgres::value::{held_text, millis, session_text};

impl<'a> Writing<'a> {
    /// Sessions, places, and what sessions hold.
    pub(super) fn sessions(&self, to: &mut Statements<'a>) {
        self.held_changed(to);
        self.left(to);
        self.opened(to);
        self.places(to);
    }

    /// What sessions that go on got and gave back; those that got something must be there.
    fn held_changed(&self, to: &mut Statements<'a>) {
        const CHANGE: &str = "SELECT change_held($1, $2, $3, $4)";
        let catalogue = self.catalogue;
        let changed = self.rows(NetEffect::sessions_changed).map(|(key, (session, held))| {
            let got = held.clone().any(|(_, instance)| instance.is_some());
            (key, session, held_text(held, catalogue), got)
        });
        Table::new(CHANGE, changed)
            .column(|(key, ..)| *key)
            .column(|(_, session, ..)| session_text(*session))
            .column(|(_, _, held, _)| held.clone())
            .column(|(.., got)| *got)
            .end(to);
    }

    /// Places that sessions which go on gave back; and sessions that are over, with which the schema takes
    /// what they still had.
    fn left(&self, to: &mut Statements<'a>) {
        const LEAVE: &str = "DELETE FROM places AS p \
            USING unnest($1, $2, $3) AS l (organisation, session, licence) \
            WHERE p.organisation = l.organisation AND p.session = l.session \
            AND p.licence = l.licence";
        const CLOSE: &str = "SELECT close_sessions($1, $2)";
        let catalogue = self.catalogue;
        Table::new(LEAVE, self.rows(|effect| without_value(&effect.places)))
            .column(|(key, _)| *key)
            .column(|(_, (session, _))| session_text(*session))
            .column(|(_, (_, licence))| &**catalogue.key(*licence))
            .end(to);
        Table::new(CLOSE, self.rows(|effect| without_value(&effect.sessions)))
            .column(|(key, _)| *key)
            .column(|(_, session)| session_text(*session))
            .end(to);
    }

    /// Each with what it holds: one row for a login.
    fn opened(&self, to: &mut Statements<'a>) {
        const OPEN: &str = "SELECT open_sessions($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let catalogue = self.catalogue;
        let opened = self.rows(NetEffect::sessions_opened).map(|(key, (opened, held))| {
            let held = held.filter(|(_, instance)| instance.is_some());
            (key, opened, held_text(held, catalogue))
        });
        Table::new(OPEN, opened)
            .column(|(key, ..)| *key)
            .column(|(_, opened, _)| session_text(opened.session))
            .column(|(_, opened, _)| &*opened.user)
            .column(|(_, opened, _)| opened.device.as_str())
            .column(|(_, opened, _)| millis(opened.since))
            .column(|(_, opened, _)| i64::from(opened.grace_s))
            .column(|(_, opened, _)| &opened.resume.0[..])
            .column(|(_, opened, _)| &*opened.address)
            .column(|(_, _, held)| held.clone())
            .end(to);
    }

    fn places(&self, to: &mut Statements<'a>) {
        const WAIT: &str = "INSERT INTO places (organisation, session, licence, place) \
            SELECT * FROM unnest($1, $2, $3, $4) \
            ON CONFLICT (organisation, session, licence) DO UPDATE SET place = excluded.place";
        let catalogue = self.catalogue;
        Table::new(WAIT, self.rows(|effect| with_value(&effect.places)))
            .column(|(key, _)| *key)
            .column(|(_, ((session, _), _))| session_text(*session))
            .column(|(_, ((_, licence), _))| &**catalogue.key(*licence))
            .column(|(_, (_, place))| place.cast_signed())
            .end(to);
    }

    /// The logs, each record in the order of the decisions: their numbers are given in the order of the rows.
    pub(super) fn logs(&self, to: &mut Statements<'a>) {
        self.usage(to);
        self.denials(to);
    }

    fn usage(&self, to: &mut Statements<'a>) {
        const RECORD: &str = "SELECT log_usage($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let catalogue = self.catalogue;
        Table::new(RECORD, self.rows(|effect| effect.usage.iter().copied()))
            .column(|(key, _)| *key)
            .column(|(_, record)| millis(record.at))
            .column(|(_, record)| record.usage_type.as_str())
            .column(|(_, record)| &**catalogue.key(record.licence))
            .column(|(_, record)| &*record.user)
            .column(|(_, record)| record.device.as_str())
            .column(|(_, record)| logon_source(record))
            .column(|(_, record)| session_text(record.session))
            .column(|(_, record)| record.pool.as_str())
            .column(|(_, record)| record.reason.map(ReleaseReason::as_str))
            .end(to);
    }

    fn denials(&self, to: &mut Statements<'a>) {
        const RECORD: &str = "SELECT log_denials($1, $2, $3, $4, $5, $6, $7)";
        let catalogue = self.catalogue;
        Table::new(RECORD, self.rows(|effect| effect.denials.iter().copied()))
            .column(|(key, _)| *key)
            .column(|(_, record)| millis(record.at))
            .column(|(_, record)| denied_name(&record.denied.licence, catalogue))
            .column(|(_, record)| &*record.user)
            .column(|(_, record)| record.device.as_str())
            .column(|(_, record)| record.denied.reason.as_str())
            .column(|(_, record)| record.outcome.as_str())
            .end(to);
    }
}
