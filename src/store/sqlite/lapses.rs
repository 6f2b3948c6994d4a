//! Writes who was active in a month and is not any more.

use super::bulk::Bulk;
use super::tables::Writing;
use super::value::{millis, month_text};
use crate::domain::activity::{LapseChange, Lapsed};
use crate::store::net_effect::Lapse;
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::HashMap;
use std::sync::Arc;

/// Stands for a licence type where somebody was active at all.
const AT_ALL: &str = "";

/// One row of one user.
struct LapseRow<'a> {
    key: i64,
    month: NaiveDate,
    user: &'a str,
    licence: Arc<str>,
    at: DateTime<Utc>,
}

impl<'a> Writing<'a> {
    /// In rounds, the changes of one name in their order: it can come and go, and be another person's,
    /// within a commit. Those of different names have nothing to do with each other; an import has
    /// thousands.
    pub(super) async fn lapses(&mut self) -> Result<(), sqlx::Error> {
        for round in rounds(self.rows(|effect| effect.lapses.clone())) {
            let rows = |pick: fn(LapseChange) -> Option<Lapsed>| -> Vec<LapseRow<'a>> {
                let picked = round.iter();
                let picked =
                    picked.filter_map(|(key, lapse)| Some((*key, lapse, pick(lapse.change)?)));
                picked
                    .flat_map(|(key, lapse, lapsed)| self.lapse_rows(key, lapse, lapsed))
                    .collect()
            };
            let (ended, began) = (rows(ended), rows(began));
            let is_detached =
                |(_, lapse): &&(i64, Lapse<'a>)| lapse.change == LapseChange::Detached;
            let detached: Vec<_> = round.iter().filter(is_detached).collect();
            self.lapses_ended(&ended).await?;
            self.lapses_began(&began).await?;
            self.lapses_detached(&detached).await?;
        }
        Ok(())
    }

    fn lapse_rows(&self, key: i64, lapse: &Lapse<'a>, lapsed: Lapsed) -> Vec<LapseRow<'a>> {
        let licences = lapsed.licences.iter().map(|licence| self.catalogue.key(licence).clone());
        let licences = licences.chain(lapsed.at_all.then(|| Arc::from(AT_ALL)));
        let Lapse { month, user, at, .. } = *lapse;
        licences.map(|licence| LapseRow { key, month, user, licence, at }).collect()
    }

    async fn lapses_ended(&mut self, rows: &[LapseRow<'_>]) -> Result<(), sqlx::Error> {
        const END: Bulk = Bulk {
            head: "DELETE FROM lapses WHERE (organisation, month, user, licence) IN \
                   (SELECT column1, column2, column3, column4 FROM (VALUES ",
            columns: 4,
            tail: ")) AND is_gone = 0",
        };
        END.run(self.connection, rows, |statement, row| {
            let statement = statement.bind(row.key).bind(month_text(row.month));
            statement.bind(row.user.to_owned()).bind(row.licence.clone())
        })
        .await
    }

    async fn lapses_began(&mut self, rows: &[LapseRow<'_>]) -> Result<(), sqlx::Error> {
        const BEGIN: Bulk = Bulk {
            head: "INSERT INTO lapses (organisation, month, user, licence, at, is_gone) \
                   SELECT column1, column2, column3, column4, column5, 0 FROM (VALUES ",
            columns: 5,
            tail: ")",
        };
        BEGIN
            .run(self.connection, rows, |statement, row| {
                let statement = statement.bind(row.key).bind(month_text(row.month));
                let statement = statement.bind(row.user.to_owned()).bind(row.licence.clone());
                statement.bind(millis(row.at))
            })
            .await
    }

    /// `at` tells people by one name from each other: who is deleted at the instant of the one before
    /// comes a millisecond later.
    async fn lapses_detached(&mut self, gone: &[&(i64, Lapse<'_>)]) -> Result<(), sqlx::Error> {
        const DETACH: Bulk = Bulk {
            head: "UPDATE lapses SET is_gone = 1, at = max(gone.column4, coalesce((\
                   SELECT max(at) + 1 FROM lapses AS earlier \
                   WHERE earlier.organisation = gone.column1 AND earlier.month = gone.column2 \
                   AND earlier.user = gone.column3 AND earlier.licence = lapses.licence \
                   AND earlier.is_gone = 1), 0)) FROM (VALUES ",
            columns: 4,
            tail: ") AS gone WHERE organisation = gone.column1 AND month = gone.column2 \
                   AND user = gone.column3 AND is_gone = 0",
        };
        DETACH
            .run(self.connection, gone, |statement, (key, lapse)| {
                let statement = statement.bind(*key).bind(month_text(lapse.month));
                statement.bind(lapse.user.to_owned()).bind(millis(lapse.at))
            })
            .await
    }
}

/// The first change of each name, then the second of each, and so on.
fn rounds(lapses: Vec<(i64, Lapse<'_>)>) -> Vec<Vec<(i64, Lapse<'_>)>> {
    let mut seen: HashMap<(i64, &str), usize> = HashMap::new();
    let mut rounds: Vec<Vec<(i64, Lapse<'_>)>> = Vec::new();
    for (key, lapse) in lapses {
        let round = seen.entry((key, lapse.user)).or_default();
        if *round == rounds.len() {
            rounds.push(Vec::new());
        }
        rounds[*round].push((key, lapse));
        *round += 1;
    }
    rounds
}

fn ended(change: LapseChange) -> Option<Lapsed> {
    match change {
        LapseChange::Ended(lapsed) => Some(lapsed),
        LapseChange::Began(_) | LapseChange::Detached => None,
    }
}

fn began(change: LapseChange) -> Option<Lapsed> {
    match change {
        LapseChange::Began(lapsed) => Some(lapsed),
        LapseChange::Ended(_) | LapseChange::Detached => None,
    }
}
