//! The store's invariants, wherever a suite has done its worst to a broker.

use licence_broker::catalogue_file;
use licence_broker::store::sqlite::check::{Finding, check};
use std::path::Path;

/// Every invariant holds of the database; a broker may be running on it.
///
/// # Panics
/// If one does not; all that breaks one is named.
pub async fn assert_sound(database: &Path) {
    let mut findings = Vec::new();
    let mut note = |finding: &Finding| findings.push(finding.to_string());
    let url = database.display().to_string();
    check(&url, &catalogue_file::built_in(), &mut note).await.unwrap();
    assert_eq!(findings, [""; 0]);
}
