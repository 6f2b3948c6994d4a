//! Pages of denials and of the audit.

use super::connections::Connections;
use super::{AuditFilter, AuditRow, DenialFilter, DenialRow, Page, StoreError, Stored, later};
use crate::domain::ids::OrganisationId;

pub(super) async fn denials_page(
    _connections: &Connections,
    _organisation: OrganisationId,
    _filter: &DenialFilter,
    _page: Page,
) -> Result<Vec<Stored<DenialRow>>, StoreError> {
    Err(later())
}

pub(super) async fn audit_page(
    _connections: &Connections,
    _organisation: OrganisationId,
    _filter: &AuditFilter,
    _page: Page,
) -> Result<Vec<Stored<AuditRow>>, StoreError> {
    Err(later())
}
