//! Pages of the denials and of the audit.

use super::connections::Connections;
use super::organisations::stored;
use super::question::{Order, Question};
use crate::domain::ids::OrganisationId;
use crate::domain::reason::DenialReason;
use crate::store::log_rows::{self, AUDIT_COLUMNS, DENIAL_COLUMNS};
use crate::store::{AuditFilter, AuditRow, DenialFilter, DenialRow, Page, StoreError, Stored};

pub(super) async fn denials_page(
    connections: &Connections,
    organisation: OrganisationId,
    filter: &DenialFilter,
    page: Page,
) -> Result<Vec<Stored<DenialRow>>, StoreError> {
    let order = if filter.user.is_some() { Order::CursorInRange } else { Order::Instant };
    let mut log = Question::new(DENIAL_COLUMNS, "denials", organisation, page, order);
    log.within(filter.range);
    log.equals("\"user\"", filter.user.clone());
    log.equals("licence", filter.licence.clone());
    log.equals("device", filter.logon_source.map(log_rows::device_of));
    log.equals("reason", filter.reason.map(DenialReason::as_str));
    stored(&connections.page(&log.end(page.limit)).await?, log_rows::denial)
}

/// Several writers keep records of one organisation, so their instants may pass each other: pages go by the
/// order in which they were kept.
pub(super) async fn audit_page(
    connections: &Connections,
    organisation: OrganisationId,
    filter: &AuditFilter,
    page: Page,
) -> Result<Vec<Stored<AuditRow>>, StoreError> {
    let order = if filter.newest_first { Order::CursorBack } else { Order::Cursor };
    let mut log = Question::new(AUDIT_COLUMNS, "audit", organisation, page, order);
    log.within(filter.range);
    log.equals("actor", filter.actor.clone());
    log.equals("action", filter.action.clone());
    log.equals("target", filter.target.clone());
    stored(&connections.page(&log.end(page.limit)).await?, log_rows::audit)
}
