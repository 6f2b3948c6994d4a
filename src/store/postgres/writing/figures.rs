//! What is counted: five-minute figures, the months' maxima, closed months.

use super::{Statements, Writing};

impl<'a> Writing<'a> {
    /// Everything that is counted.
    pub(super) fn figures(&self, to: &mut Statements<'a>) {
        let _ = (self.catalogue, to);
    }
}
