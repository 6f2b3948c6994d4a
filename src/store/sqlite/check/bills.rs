//! Closed months against what was bought and used in them.

use super::Checking;
use super::known::{Known, month};
use crate::domain::pool::Totals;
use crate::store::StoreError;
use crate::store::sqlite::error::aborted;
use crate::store::sqlite::value::{Reader, millis};
use futures_util::TryStreamExt;

const BOUGHT: &str = "a closed month has the highest totals that were in force in it";
const USED: &str = "a closed month has its contingency maximum";
const COMPLETE: &str = "a closed month has a line for each maximum";

/// How many invariants there were.
pub(super) async fn check(checking: &mut Checking<'_>, known: &Known) -> Result<usize, StoreError> {
    lines(checking, known).await?;
    maxima_without_line(checking).await?;
    Ok(3)
}

async fn lines(checking: &mut Checking<'_>, known: &Known) -> Result<(), StoreError> {
    let text = "SELECT organisation, month, licence, base, concurrent, fixed, contingency_max, \
                closed_at, coalesce((SELECT maximum FROM maxima m \
                WHERE m.organisation = b.organisation AND m.month = b.month \
                AND m.licence = b.licence), 0) AS maximum FROM bill_lines b";
    let mut rows = sqlx::query(text).fetch(&mut *checking.connection);
    while let Some(row) = rows.try_next().await.map_err(aborted)? {
        let row = Reader(&row);
        let (key, licence) = (row.integer("organisation")?, row.text("licence")?);
        let record = format!("{} {licence}", row.text("month")?);
        let mut broken = |invariant, what: String| {
            checking.findings.broken(invariant, "bill_lines", Some(key), &record, what);
        };
        let (billed, used) = (row.count("contingency_max")?, row.count("maximum")?);
        if billed != used {
            broken(USED, format!("it has {billed}, table maxima {used}"));
        }
        let Some(organisation) = known.organisations.get(&key) else { continue };
        let start = millis(organisation.start(row.word("month", month)?));
        let (least, most) = known.highest(key, licence, start, row.integer("closed_at")?);
        for (name, column) in [
            ("base", (|totals: Totals| totals.base) as fn(Totals) -> u32),
            ("concurrent", |totals| totals.concurrent),
            ("fixed", |totals| totals.fixed),
        ] {
            let (billed, least, most) = (row.count(name)?, column(least), column(most));
            if !(least..=most).contains(&billed) {
                broken(BOUGHT, format!("{name} is {billed}, and {most} were bought"));
            }
        }
    }
    Ok(())
}

async fn maxima_without_line(checking: &mut Checking<'_>) -> Result<(), StoreError> {
    let text = "SELECT organisation, month, licence, maximum FROM maxima m WHERE maximum > 0 \
                AND EXISTS (SELECT 1 FROM bill_lines b WHERE b.organisation = m.organisation \
                AND b.month = m.month) AND NOT EXISTS (SELECT 1 FROM bill_lines b \
                WHERE b.organisation = m.organisation AND b.month = m.month \
                AND b.licence = m.licence)";
    let mut rows = sqlx::query(text).fetch(&mut *checking.connection);
    while let Some(row) = rows.try_next().await.map_err(aborted)? {
        let row = Reader(&row);
        let record = format!("{} {}", row.text("month")?, row.text("licence")?);
        let what =
            format!("{} were used, and its month was closed without it", row.count("maximum")?);
        let key = Some(row.integer("organisation")?);
        checking.findings.broken(COMPLETE, "maxima", key, record, what);
    }
    Ok(())
}
