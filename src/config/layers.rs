//! Lays the sources of settings over each other: file, environment, command line.

use super::ConfigError;
use super::settings::{KEYS, Settings, variable};
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Where the value of a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// This variable.
    Environment(String),
    /// This flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "its default"),
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Environment(variable) => write!(f, "from the variable {variable}"),
            Self::Flag(flag) => write!(f, "from the flag {flag}"),
        }
    }
}

/// The values that won, and where each came from.
#[derive(Debug, Default)]
pub(super) struct Layered {
    pub(super) settings: Settings,
    sources: HashMap<&'static str, Source>,
}

impl Layered {
    pub(super) fn source(&self, key: &str) -> Source {
        self.sources.get(key).cloned().unwrap_or(Source::Default)
    }
}

/// Reads the file that `--config` or `LICENCE_BROKER_CONFIG` names, if any, and lays the rest over it.
///
/// A value is judged even where a higher source covers it: a mistake that hides today fails tomorrow.
pub(super) fn lay(
    flags: &Settings,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Layered, ConfigError> {
    // An empty variable is how many a tool says "not set".
    let environment = |key| environment(&variable(key)).filter(|value| !value.is_empty());
    let mut pile = Pile::default();
    if let Some(path) = flags.config.clone().or_else(|| environment("config").map(PathBuf::from)) {
        let mut file = read(&path)?;
        for key in KEYS {
            if let Some(value) = file.remove(*key) {
                pile.lay(key, Source::File(path.clone()), &[value])?;
            }
        }
    }
    for key in KEYS {
        if let Some(text) = environment(key) {
            pile.lay(key, Source::Environment(variable(key)), &readings(&text))?;
        }
    }
    let mut given = Table::try_from(flags)
        .map_err(|error| ConfigError::CommandLine { reason: one_line(&error.to_string()) })?;
    for key in KEYS {
        if let Some(value) = given.remove(*key) {
            pile.lay(key, Source::Flag(flag(key)), &[value])?;
        }
    }
    Ok(pile.top())
}

#[derive(Default)]
struct Pile {
    values: Table,
    sources: HashMap<&'static str, Source>,
}

impl Pile {
    /// Covers what a lower source said about a setting. Of several readings of one text the first that
    /// fits the setting counts.
    fn lay(
        &mut self,
        key: &'static str,
        source: Source,
        readings: &[Value],
    ) -> Result<(), ConfigError> {
        let mut failure = String::new();
        for value in readings {
            let alone = Table::from_iter([(key.to_owned(), value.clone())]);
            match alone.try_into::<Settings>() {
                Ok(_) => {
                    self.values.insert(key.to_owned(), value.clone());
                    self.sources.insert(key, source);
                    return Ok(());
                }
                Err(error) => failure = error.message().to_owned(),
            }
        }
        let reason = one_line(&failure);
        Err(ConfigError::Setting { setting: key, origin: source, reason })
    }

    fn top(self) -> Layered {
        let settings = self.values.try_into().expect("each value fits its setting");
        Layered { settings, sources: self.sources }
    }
}

/// What the text of a variable may stand for. The reading as text is last: its error is the clearest.
fn readings(text: &str) -> Vec<Value> {
    let parts = text.split(',').map(|part| Value::String(part.trim().to_owned())).collect();
    let number = text.trim().parse().ok().map(Value::Integer);
    number.into_iter().chain([Value::Array(parts), Value::String(text.to_owned())]).collect()
}

fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

/// The configuration file, all of whose keys are settings.
fn read(path: &Path) -> Result<Table, ConfigError> {
    let wrong = |reason: String| ConfigError::File { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let table: Table = toml::from_str(&text).map_err(|error| {
        let before = error.span().map_or("", |span| &text[..span.start]);
        wrong(format!("line {}: {}", before.matches('\n').count() + 1, one_line(error.message())))
    })?;
    let unknown: Vec<_> = table
        .keys()
        .filter(|key| !KEYS.contains(&key.as_str()))
        // A quoted key may hold line ends, and what is said of it is one line.
        .map(|key| key.escape_debug().to_string())
        .collect();
    if unknown.is_empty() {
        return Ok(table);
    }
    Err(wrong(format!("no such setting: {}", unknown.join(", "))))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
