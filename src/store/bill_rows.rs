//! What the rows that bills are read from mean, in whatever database they are.

use super::StoreError;
use super::bills::{ClosedLine, MaximumRow, TotalsRow};
use super::loaded::totals;
use super::value::{Columns, Reader};
use crate::domain::pool::Totals;
use rust_decimal::Decimal;
use std::collections::HashMap;

/// A line of a closed month.
pub(super) fn closed_line<C: Columns>(row: Reader<'_, C>) -> Result<ClosedLine, StoreError> {
    Ok(ClosedLine {
        licence: row.text("licence")?.to_owned(),
        bought: Totals {
            base: row.count("base")?,
            concurrent: row.count("concurrent")?,
            contingency: 0,
            fixed: row.count("fixed")?,
        },
        contingency_max: row.count("contingency_max")?,
        unit_price: row.optional_word("unit_price", |text| text.parse::<Decimal>().ok())?,
    })
}

/// The maxima of a month, from a row for each of their sessions, or one without a session; in the order of
/// the sessions.
pub(super) fn maxima<C: Columns>(rows: &[C]) -> Result<Vec<MaximumRow>, StoreError> {
    let mut maxima: HashMap<&str, MaximumRow> = HashMap::new();
    for row in rows.iter().map(Reader) {
        let key = row.text("licence")?;
        let (maximum, reached_at) = (row.count("maximum")?, row.instant("reached_at")?);
        let entry = maxima.entry(key).or_insert_with(|| MaximumRow {
            licence: key.to_owned(),
            maximum,
            reached_at,
            sessions: Vec::new(),
        });
        if row.optional_text("session")?.is_some() {
            entry.sessions.push((row.session()?, row.shared_text("user")?));
        }
    }
    Ok(maxima.into_values().collect())
}

/// A change of what was bought.
pub(super) fn change<C: Columns>(row: Reader<'_, C>) -> Result<TotalsRow, StoreError> {
    Ok(TotalsRow { at: row.instant("at")?, totals: totals(row)? })
}
