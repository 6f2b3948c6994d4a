//! The hand that sets the wall clock of a process.

use chrono::{DateTime, Utc};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The library, or `None` where tests may leave themselves out.
///
/// # Panics
/// With `CHECK=full`, where it is missing.
pub fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = folders.map(|folder| folder.path().join(LIBRARY)).find(|path| path.exists());
    if found.is_none() {
        let wanted = std::env::var_os("CHECK").is_some_and(|check| check == "full");
        assert!(!wanted, "libfaketime is missing: install Debian's package faketime");
        eprintln!("NOT RUN: libfaketime is missing, so no clock can be set");
    }
    found
}

/// A file that says how far the process's wall clock is from the machine's.
pub struct Hand(PathBuf);

impl Hand {
    /// A clock that shows `now`.
    pub fn at(folder: &Path, now: DateTime<Utc>) -> Self {
        let hand = Self(folder.join("clock"));
        hand.set(now);
        hand
    }

    /// Sets the clock; it goes on from there.
    pub fn set(&self, now: DateTime<Utc>) {
        let ahead = (now - Utc::now()).num_milliseconds();
        let (sign, ahead) = (if ahead < 0 { '-' } else { '+' }, ahead.unsigned_abs());
        // Whoever reads in between must find the old clock or the new one, never half a line.
        let written = self.0.with_extension("new");
        std::fs::write(&written, format!("{sign}{}.{:03}\n", ahead / 1_000, ahead % 1_000))
            .unwrap();
        std::fs::rename(&written, &self.0).unwrap();
    }

    /// Has a process live by it.
    pub fn give_to(&self, command: &mut Command, library: &Path) {
        command.envs(self.variables(library));
    }

    /// What has a process live by it, if it finds this in its environment.
    pub fn variables(&self, library: &Path) -> Vec<(&'static str, OsString)> {
        vec![
            ("LD_PRELOAD", library.into()),
            ("FAKETIME_TIMESTAMP_FILE", self.0.clone().into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }
}
