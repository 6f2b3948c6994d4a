//! An organisation, whole: out of one database and into another.
//!
//! Lines of JSON. The first names the format and the organisation, the last has the number of rows and a
//! checksum of all bytes before it, and each in between is a row of a table:
//!
//! ```text
//! {"format":"licence-broker-organisation","version":2,"organisation":129}
//! {"table":"organisations","row":{"number":129,"name":"Example",…}}
//! {"table":"usage","row":{"at":1772803828000,"usage_type":"Acquired",…}}
//! {"rows":48213,"sha256":"9f86d0…"}
//! ```
//!
//! Which tables and columns there are the schema says, so that none is forgotten. Internal keys and ids
//! stay behind: rows come in the order of their ids, and get new ones where they go. Binary values are
//! written in hexadecimal.
//!
//! | file | what it holds |
//! |---|---|
//! | `shape` | the tables of an organisation, as the schema has them |
//! | `export` | out |
//! | `import` | in |

mod export;
mod import;
mod shape;

pub use export::export;
pub use import::Imported;

use crate::domain::ids::OrganisationId;
use serde::{Deserialize, Serialize};

const FORMAT: &str = "licence-broker-organisation";
const VERSION: u32 = 2;

/// The first line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    version: u32,
    organisation: u64,
}

/// The last line.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    rows: u64,
    sha256: String,
}

impl Header {
    fn of(organisation: OrganisationId) -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION, organisation: organisation.get() }
    }
}

/// A digest as people and other tools write it.
fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
