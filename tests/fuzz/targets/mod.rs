//! What is fuzzed: a file per target, each with a `run` that takes any bytes and panics where the broker
//! does not keep its word. Used by the fuzz targets, and by the test that replays their corpus.

pub(crate) mod bodies;
pub(crate) mod catalogue;
pub(crate) mod cells;
pub(crate) mod frames;
pub(crate) mod imports;
pub(crate) mod messages;
pub(crate) mod queries;
pub(crate) mod settings;
pub(crate) mod tokens;

mod answer;
mod file;

use chrono::{DateTime, Utc};

/// The instant at which everything is read.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_803_828, 0).expect("6 March 2026, 13:30:28")
}
