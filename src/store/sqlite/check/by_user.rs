//! The index by user says what the log says.

use super::Checking;
use super::finding::Severity;
use super::queries::run;

/// An entry is found by its run alone, so one in a wrong run is as good as none.
const HAS_RECORD: &str = "an entry of the index by user has its record";
const ENTRIES: &str = "SELECT i.organisation, i.id, 'of `' || i.user || '` in run ' || i.run \
    || ', as no record of the log is' FROM usage_of_user i \
    LEFT JOIN usage u ON u.id = i.id AND u.organisation = i.organisation AND u.user = i.user \
    WHERE u.id IS NULL OR i.run IS NOT (SELECT min(last_id) FROM usage_runs WHERE last_id >= i.id)";

const IS_INDEXED: &str = "a record up to the last run is in the index by user";
/// Runs the outer loop: each looks at the records between the run before and its own last one.
const RECORDS: &str = "SELECT u.organisation, u.id, 'run ' || run.last_id || ', from ' || first_at \
    || ' to ' || last_at || ', has no entry for `' || u.user || '` at ' || u.at \
    FROM (SELECT last_id, first_at, last_at, lag(last_id, 1, 0) OVER (ORDER BY last_id) AS before \
    FROM usage_runs) run CROSS JOIN usage u ON u.id > run.before AND u.id <= run.last_id \
    WHERE u.at NOT BETWEEN first_at AND last_at OR NOT EXISTS (SELECT 1 FROM usage_of_user i \
    WHERE i.run = run.last_id AND i.organisation = u.organisation AND i.user = u.user \
    AND i.id = u.id)";

/// How many invariants there were.
pub(super) async fn check(checking: &mut Checking<'_>) -> usize {
    run(checking, Severity::Broken, HAS_RECORD, "usage_of_user", ENTRIES).await;
    run(checking, Severity::Broken, IS_INDEXED, "usage", RECORDS).await;
    2
}
