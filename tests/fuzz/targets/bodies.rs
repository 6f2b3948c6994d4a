//! The JSON bodies of the HTTP API.

use super::{answer, now};
use chrono_tz::Tz;
use licence_broker::catalogue_file;
use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::ids::OrganisationId;
use licence_broker::domain::organisation::Settings;
use licence_broker::http::fuzzing;
use std::sync::{Arc, LazyLock};

pub(crate) static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(catalogue_file::built_in);

/// Each body is read as every kind of request.
pub(crate) fn run(data: &[u8]) {
    let settings = Settings {
        id: OrganisationId::new(129).expect("a number"),
        name: "Example".into(),
        time_zone: Tz::Europe__London,
        max_grace_s: 60,
        scheduled_log_off: None,
        created_at: now(),
        version: 0,
    };
    match fuzzing::bodies(data, &CATALOGUE, &settings, now()) {
        Ok(verdicts) => {
            verdicts
                .iter()
                .filter_map(|(_, verdict)| verdict.as_ref().err())
                .for_each(answer::check);
        }
        Err(problem) => answer::check(&problem),
    }
}
