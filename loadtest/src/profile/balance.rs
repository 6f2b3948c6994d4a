//! Whether the log balances, and whether the bill says what the log does.

use anyhow::Result;

use crate::api::{Api, BillLine};
use crate::churn::ledger::Ledger;
use crate::provision::Ready;

/// How many records the logs of organisations have that a run created, and what is wrong with them, in words.
///
/// # Errors
///
/// Where the broker does not show a log or a bill.
pub(super) async fn balance(
    api: &Api<'_>,
    organisations: &[Ready],
) -> Result<(usize, Vec<String>)> {
    let (mut records, mut faults) = (0, Vec::new());
    for organisation in organisations {
        let number = organisation.number;
        let ledger = Ledger::of(api, number).await?;
        records += ledger.records;
        // What was held over the turn of a month is on two bills.
        let month = ledger.months.first().filter(|_| ledger.months.len() == 1);
        if let Some(month) = month {
            let bill = api.bill(number, month).await?;
            let wrong = bill.iter().filter_map(|line| contradiction(organisation, &ledger, line));
            faults.extend(wrong);
        }
        let of = ledger.faults().into_iter();
        faults.extend(of.map(|fault| format!("log of organisation {number}: {fault}")));
    }
    Ok((records, faults))
}

/// Contingency is used by as many as there were above the concurrent total.
fn contradiction(organisation: &Ready, ledger: &Ledger, line: &BillLine) -> Option<String> {
    let row = organisation.licences.iter().find(|row| row.licence == line.licence)?;
    let most = ledger.most_holders(&line.licence);
    let used = most.saturating_sub(row.concurrent.total).min(row.contingency.total);
    let BillLine { licence, contingency_max_used } = line;
    (row.is_concurrent() && used != *contingency_max_used).then(|| {
        format!(
            "bill of organisation {}: {licence}: {contingency_max_used} contingency licences at most, \
             {used} by the log",
            organisation.number
        )
    })
}
