//! Who was active in a month and is not any more.

use super::table::Table;
use super::{Statements, Writing};
use crate::domain::activity::{LapseChange, Lapsed};
use crate::store::net_effect::Lapse;
use crate::store::postgres::value::{millis, month_text};
use std::collections::HashMap;
use std::iter;

/// Stands for a licence type where somebody was active at all.
const AT_ALL: &str = "";

/// A change with the key of its organisation.
type Keyed<'a> = (i64, &'a Lapse<'a>);

impl<'a> Writing<'a> {
    /// A name can come and go, and be another person's, within a commit: changes of one name are written in
    /// the order of the decisions. Those of different names know nothing of each other, so the first change
    /// of each name is written with the first ones of all others, then the second ones, and so on.
    pub(super) fn lapses(&self, to: &mut Statements<'a>) {
        let mut rounds: Vec<Vec<Keyed<'a>>> = Vec::new();
        let mut seen: HashMap<(i64, &str), usize> = HashMap::new();
        for (key, lapse) in self.rows(|effect| &effect.lapses) {
            let round = seen.entry((key, lapse.user)).or_default();
            if rounds.len() == *round {
                rounds.push(Vec::new());
            }
            rounds[*round].push((key, lapse));
            *round += 1;
        }
        for round in rounds {
            self.lapses_ended(&round, to);
            self.lapses_began(&round, to);
            Self::lapses_detached(&round, to);
        }
    }

    fn lapses_ended(&self, round: &[Keyed<'a>], to: &mut Statements<'a>) {
        const END: &str = "DELETE FROM lapses AS l USING unnest($1, $2, $3, $4) \
            AS e (organisation, month, \"user\", licence) \
            WHERE l.organisation = e.organisation AND l.month = e.month AND l.\"user\" = e.\"user\" \
            AND l.licence = e.licence AND l.is_gone = 0";
        let ended = round.iter().filter_map(|(key, lapse)| match lapse.change {
            LapseChange::Ended(lapsed) => Some((*key, *lapse, lapsed)),
            LapseChange::Began(_) | LapseChange::Detached => None,
        });
        self.by_licence(END, ended).end(to);
    }

    fn lapses_began(&self, round: &[Keyed<'a>], to: &mut Statements<'a>) {
        const BEGIN: &str = "INSERT INTO lapses (organisation, month, \"user\", licence, at, is_gone) \
            SELECT *, 0 FROM unnest($1, $2, $3, $4, $5)";
        let began = round.iter().filter_map(|(key, lapse)| match lapse.change {
            LapseChange::Began(lapsed) => Some((*key, *lapse, lapsed)),
            LapseChange::Ended(_) | LapseChange::Detached => None,
        });
        self.by_licence(BEGIN, began).column(|((_, lapse), _)| millis(lapse.at)).end(to);
    }

    /// `at` tells people by one name from each other: who is deleted at the instant of the one before comes a
    /// millisecond later.
    fn lapses_detached(round: &[Keyed<'a>], to: &mut Statements<'a>) {
        const DETACH: &str = "UPDATE lapses AS l SET is_gone = 1, at = greatest(d.at, (\
            SELECT max(at) + 1 FROM lapses AS earlier \
            WHERE earlier.organisation = l.organisation AND earlier.month = l.month \
            AND earlier.\"user\" = l.\"user\" AND earlier.licence = l.licence \
            AND earlier.is_gone = 1)) \
            FROM unnest($1, $2, $3, $4) AS d (organisation, month, \"user\", at) \
            WHERE l.organisation = d.organisation AND l.month = d.month AND l.\"user\" = d.\"user\" \
            AND l.is_gone = 0";
        let detached = round.iter().filter(|(_, lapse)| lapse.change == LapseChange::Detached);
        Table::new(DETACH, detached)
            .column(|(key, _)| *key)
            .column(|(_, lapse)| month_text(lapse.month))
            .column(|(_, lapse)| lapse.user)
            .column(|(_, lapse)| millis(lapse.at))
            .end(to);
    }

    /// A row for each type of each change: organisation, month, user, type.
    fn by_licence(
        &self,
        text: &'static str,
        changes: impl Iterator<Item = (i64, &'a Lapse<'a>, Lapsed)>,
    ) -> Table<'a, (Keyed<'a>, &'a str)> {
        let catalogue = self.catalogue;
        let rows = changes.flat_map(|(key, lapse, lapsed)| {
            let licences = lapsed.licences.iter().map(|licence| &**catalogue.key(licence));
            let licences = licences.chain(iter::once(AT_ALL).filter(move |_| lapsed.at_all));
            licences.map(move |licence| ((key, lapse), licence)).collect::<Vec<_>>()
        });
        Table::new(text, rows)
            .column(|((key, _), _)| *key)
            .column(|((_, lapse), _)| month_text(lapse.month))
            .column(|((_, lapse), _)| lapse.user)
            .column(|(_, licence)| *licence)
    }
}
