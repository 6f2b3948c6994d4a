//! Out it goes: the table for people, JSON and HTML where they are wanted.

use anyhow::{Context, Result};
use serde::Serialize;

use super::Results;
use crate::cli::OutputArgs;
use crate::html::page;
use crate::report::publish;

/// The JSON: what the profile alone has to say, and under `results` what all have in common.
#[derive(Serialize)]
struct Document<'a, R> {
    #[serde(flatten)]
    own: &'a R,
    results: &'a Results,
}

impl Results {
    /// Prints the table, and writes the files that are wanted; `own` is the profile's own report.
    ///
    /// # Errors
    ///
    /// Where one of them cannot be written.
    pub(crate) fn publish(
        &self,
        own: &impl Serialize,
        table: &str,
        output: &OutputArgs,
    ) -> Result<()> {
        if let Some(path) = output.html.as_deref() {
            let written = std::fs::write(path, page(self));
            written.with_context(|| format!("--html {}", path.display()))?;
        }
        let table = self.broker_in_words() + table;
        publish(&Document { own, results: self }, &table, output.json.as_deref())
    }
}
