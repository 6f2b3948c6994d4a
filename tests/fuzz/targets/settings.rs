//! The configuration file.

use super::file;
use licence_broker::config::{Config, settings::Settings};

/// The bytes are the file; there is neither environment nor command line beside it.
pub(crate) fn run(data: &[u8]) {
    let resolved = file::with("settings", data, |path| {
        let flags = Settings { config: Some(path.to_owned()), ..Settings::default() };
        Config::resolve(&flags, |_| None)
    });
    match resolved {
        Ok(config) => {
            assert!((1..=300).contains(&config.heartbeat_s) && config.max_grace_s <= 86_400);
            assert!(config.bounds.logins_under_way_max <= config.bounds.sessions_max);
            assert!(config.bounds.frames_per_second > 0 && config.workers > 0);
            assert!(config.allow_origin.iter().all(|origin| !origin.contains('*')));
        }
        Err(error) => {
            let told = error.to_string();
            assert!(!told.is_empty() && !told.contains('\n'), "one line: {told:?}");
        }
    }
}
