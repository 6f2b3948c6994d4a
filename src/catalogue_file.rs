//! Reads a catalogue of licence types from TOML: the one that is built in, or an operator's own.

use crate::domain::catalogue::{Catalogue, CatalogueError, Class, Group, LicenceType, Model};
use crate::domain::reason::Device;
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

const BUILT_IN: &str = include_str!("catalogue.toml");

/// Why a catalogue could not be used; the message names the licence type or the line.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueFileError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or not of the shape described at the head of the built-in file.
    #[error(transparent)]
    Malformed(#[from] toml::de::Error),
    /// The types contradict each other.
    #[error(transparent)]
    Contradictory(#[from] CatalogueError),
    /// A device that there is not.
    #[error("`{key}`: acquired_on: `{device}` is not agent_desktop, deskphone or switchboard")]
    UnknownDevice {
        /// Of which type.
        key: String,
        /// What stands there.
        device: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    licence: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    en: String,
    ja: String,
    class: ClassWord,
    model: ModelWord,
    #[serde(default)]
    contingency: bool,
    #[serde(default)]
    base: bool,
    #[serde(default)]
    acquired_on: Vec<String>,
    #[serde(default)]
    channel: bool,
    #[serde(default)]
    reported: bool,
    #[serde(default)]
    synced: bool,
    #[serde(default)]
    live_wallboard: bool,
    group: Option<GroupWord>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClassWord {
    UserType,
    Feature,
    Product,
    Device,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ModelWord {
    Concurrent,
    FixedSeat,
    Assigned,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GroupWord {
    Users,
    Clients,
    Supervisor,
}

/// The catalogue that the binary carries.
///
/// # Panics
/// If the file in the source tree is wrong; a test reads it.
pub fn built_in() -> Arc<Catalogue> {
    Arc::new(parse(BUILT_IN).expect("the built-in catalogue is valid"))
}

/// An operator's own catalogue.
///
/// # Errors
/// If the file cannot be read or is not a catalogue.
pub fn read(path: &Path) -> Result<Arc<Catalogue>, CatalogueFileError> {
    let text = std::fs::read_to_string(path).map_err(|source| CatalogueFileError::Unreadable {
        path: path.display().to_string(),
        source,
    })?;
    parse(&text).map(Arc::new)
}

fn parse(text: &str) -> Result<Catalogue, CatalogueFileError> {
    let file: File = toml::from_str(text)?;
    let types = file.licence.into_iter().map(licence_type).collect::<Result<_, _>>()?;
    Ok(Catalogue::new(types)?)
}

fn licence_type(entry: Entry) -> Result<LicenceType, CatalogueFileError> {
    let device = |word: &String| {
        Device::from_word(word).ok_or_else(|| CatalogueFileError::UnknownDevice {
            key: entry.key.clone(),
            device: word.clone(),
        })
    };
    let acquired_on = entry.acquired_on.iter().map(device).collect::<Result<_, _>>()?;
    Ok(LicenceType {
        key: entry.key.into(),
        name_en: entry.en.into(),
        name_ja: entry.ja.into(),
        class: match entry.class {
            ClassWord::UserType => Class::UserType,
            ClassWord::Feature => Class::Feature,
            ClassWord::Product => Class::Product,
            ClassWord::Device => Class::Device,
        },
        model: match entry.model {
            ModelWord::Concurrent => Model::Concurrent,
            ModelWord::FixedSeat => Model::FixedSeat,
            ModelWord::Assigned => Model::Assigned,
        },
        contingency: entry.contingency,
        base: entry.base,
        acquired_on,
        channel: entry.channel,
        reported: entry.reported,
        synced: entry.synced,
        live_wallboard: entry.live_wallboard,
        group: entry.group.map(|group| match group {
            GroupWord::Users => Group::Users,
            GroupWord::Clients => Group::Clients,
            GroupWord::Supervisor => Group::Supervisor,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_reports_sixteen_types_without_administrator() {
        let catalogue = built_in();
        let reported: Vec<_> = catalogue
            .iter()
            .filter(|(_, licence)| licence.reported)
            .map(|(_, l)| &*l.key)
            .collect();
        assert_eq!(reported.len(), 16);
        assert_eq!((reported[0], reported[15]), ("meeting_room", "user_voicemail"));
        assert!(!reported.contains(&"administrator"));
    }

    #[test]
    fn a_wrong_entry_is_named() {
        let text = "[[licence]]\nkey='a'\nen='A'\nja='A'\nclass='user_type'\nmodel='concurrent'\n\
                    acquired_on=['telex']";
        let error = parse(text).expect_err("no such device").to_string();
        assert!(error.contains("`a`") && error.contains("telex"), "{error}");
    }
}
