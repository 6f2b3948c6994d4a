//! Licence Broker: who holds which concurrent licence right now.

pub mod catalogue_file;
pub mod cli;
pub mod config;
pub mod domain;
pub mod store;
pub mod telemetry;
