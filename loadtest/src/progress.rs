//! What is told while a run is under way: on standard error, with a bar where that is a terminal.

use std::io::{IsTerminal, Write, stderr};

use indicatif::{ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{elapsed_precise} [{bar:40}] {pos}/{len} logins decided";

pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    pub(crate) fn new(sessions: usize) -> Self {
        if !stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new(u64::try_from(sessions).unwrap_or(u64::MAX));
        let style = ProgressStyle::with_template(TEMPLATE);
        Self(Some(style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))))
    }

    pub(crate) fn decided(&self, sessions: usize) {
        if let Some(bar) = &self.0 {
            bar.set_position(u64::try_from(sessions).unwrap_or(u64::MAX));
        }
    }

    pub(crate) fn say(&self, line: &str) {
        if let Some(bar) = &self.0 {
            bar.println(line);
        } else {
            // Progress that nobody can read is no reason to stop.
            let _ = writeln!(stderr(), "{line}");
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
