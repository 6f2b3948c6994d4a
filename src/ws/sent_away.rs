//! Where a connection is sent that another node is to serve.

use crate::actor::directory::Directory;
use crate::cluster::Elsewhere;
use crate::domain::ids::OrganisationId;
use crate::protocol::close::Close;

/// What the client is told in place of `close`, and where it should go. 4002 where another node serves its
/// organisation; where none is known, that it should come again.
pub(super) fn sent_away(
    close: Close,
    directory: &Directory,
    organisation: OrganisationId,
) -> (Close, Option<Elsewhere>) {
    let is_unserved = matches!(close, Close::MOVED | Close::STORAGE_UNAVAILABLE);
    if !is_unserved || directory.is_served_here(organisation) && close != Close::MOVED {
        return (close, None);
    }
    match directory.elsewhere(organisation) {
        Some(elsewhere) => (Close::MOVED, Some(elsewhere)),
        None => (Close::STORAGE_UNAVAILABLE, None),
    }
}
