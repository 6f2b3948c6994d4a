//! Where the store is, for the commands that work on it without serving.

use super::Failure;
use crate::catalogue_file;
use crate::config::Config;
use crate::config::settings::Settings;
use crate::domain::catalogue::Catalogue;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;

/// The settings of `serve` that say where the store is; its configuration file and its variables count
/// as they do for `serve`.
#[derive(Args, Clone, Debug)]
pub struct PlaceArgs {
    /// Where everything is kept, as `serve` has it: sqlite://PATH or postgres://USER@HOST/NAME
    /// [default: sqlite://licence-broker.db]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Catalogue of licence types, as `serve` has it [default: the one that is built in]
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,
    /// The configuration file of `serve`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// A store, found.
pub(super) struct Place {
    /// Its address.
    pub(super) database: String,
    catalogue: Option<PathBuf>,
}

impl PlaceArgs {
    /// What the settings come to.
    pub(super) fn find(&self) -> Result<Place, Failure> {
        let config = Config::from_process(&Settings {
            database: self.database.clone(),
            catalogue: self.catalogue.clone(),
            config: self.config.clone(),
            ..Settings::default()
        })?;
        Ok(Place { database: config.database, catalogue: config.catalogue })
    }
}

impl Place {
    /// The licence types.
    pub(super) fn catalogue(&self) -> Result<Arc<Catalogue>, Failure> {
        match &self.catalogue {
            Some(path) => catalogue_file::read(path).map_err(Failure::of),
            None => Ok(catalogue_file::built_in()),
        }
    }
}
