//! The kinds of load test, a file for each.

pub(crate) mod churn;
pub(crate) mod exports;
pub(crate) mod mass_login;
pub(crate) mod reconnect;
pub(crate) mod wallboards;

use crate::audit::{Auditor, Bought};
use crate::provision::Ready;

/// Tells the auditor what there is of each type.
fn note_bought(audit: &mut Auditor, organisations: &[Ready]) {
    for organisation in organisations {
        for row in &organisation.licences {
            let bought = if row.is_concurrent() {
                Bought::Holders(row.concurrent.total + row.contingency.total)
            } else {
                Bought::Uncounted
            };
            audit.bought(organisation.number, &row.licence, bought);
        }
    }
}
