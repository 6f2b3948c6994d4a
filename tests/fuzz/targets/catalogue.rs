//! An operator's own catalogue of licence types.

use super::file;
use licence_broker::catalogue_file;
use licence_broker::domain::ids::LicenceId;

/// The bytes are the file.
pub(crate) fn run(data: &[u8]) {
    let read = file::with("catalogue", data, catalogue_file::read);
    let catalogue = match read {
        Ok(catalogue) => catalogue,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(catalogue.len() <= LicenceId::COUNT_MAX);
    for (licence, kind) in catalogue.iter() {
        assert!(!kind.key.is_empty());
        assert_eq!(catalogue.find(&kind.key), Some(licence), "a key is of one type");
    }
}
