//! Pages of the per-user log, kept or written.

use super::connections::Connections;
use super::{Page, Part, StoreError, Stored, UsageFilter, UsageRow, UsageScribe, later};
use crate::domain::ids::OrganisationId;

pub(super) async fn page(
    _connections: &Connections,
    _organisation: OrganisationId,
    _filter: &UsageFilter,
    _page: Page,
) -> Result<Vec<Stored<UsageRow>>, StoreError> {
    Err(later())
}

pub(super) async fn part(
    _connections: &Connections,
    _organisation: OrganisationId,
    _filter: &UsageFilter,
    _page: Page,
    _scribe: Box<dyn UsageScribe>,
) -> Result<Part, StoreError> {
    Err(later())
}
