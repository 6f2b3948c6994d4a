//! What a check finds.

use std::collections::HashMap;
use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// An invariant does not hold.
    Broken,
    /// What stands there can be explained, and is worth a look.
    Warning,
}

/// One record that breaks an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The invariant, as a sentence that should be true.
    pub invariant: &'static str,
    /// Where the record is.
    pub table: &'static str,
    /// Its id, or the values of its key.
    pub record: String,
    /// Whose it is: the organisation's number, and its internal key if it was deleted.
    pub organisation: Option<String>,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Broken => "broken",
            Severity::Warning => "warning",
        };
        let Self { invariant, table, record, what, .. } = self;
        write!(f, "{severity}: {table} {record}")?;
        if let Some(organisation) = &self.organisation {
            write!(f, " of organisation {organisation}")?;
        }
        write!(f, ": {what} ({invariant})")
    }
}

/// Where findings go, and how many there were.
pub(super) struct Findings<'a> {
    sink: &'a mut dyn FnMut(&Finding),
    /// How organisations are named, by their keys.
    pub(super) names: HashMap<i64, String>,
    pub(super) broken: u64,
    pub(super) warnings: u64,
}

impl<'a> Findings<'a> {
    pub(super) fn new(sink: &'a mut dyn FnMut(&Finding)) -> Self {
        Self { sink, names: HashMap::new(), broken: 0, warnings: 0 }
    }

    /// An invariant that `record` of the organisation with this key breaks.
    pub(super) fn broken(
        &mut self,
        invariant: &'static str,
        table: &'static str,
        organisation: Option<i64>,
        record: impl fmt::Display,
        what: impl fmt::Display,
    ) {
        let record = record.to_string();
        let what = what.to_string();
        self.add(Severity::Broken, invariant, (table, record), organisation, what);
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        invariant: &'static str,
        (table, record): (&'static str, String),
        organisation: Option<i64>,
        what: String,
    ) {
        match severity {
            Severity::Broken => self.broken += 1,
            Severity::Warning => self.warnings += 1,
        }
        let name = |key| self.names.get(&key).cloned().unwrap_or_else(|| format!("? (key {key})"));
        let organisation = organisation.map(name);
        (self.sink)(&Finding { severity, invariant, table, record, organisation, what });
    }
}
