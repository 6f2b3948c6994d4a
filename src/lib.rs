//! Licence Broker: who holds which concurrent licence right now.

pub mod actor;
pub mod app;
pub mod auth;
pub mod broker;
pub mod catalogue_file;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod demo;
pub mod domain;
pub mod http;
pub mod json;
pub mod limits;
pub mod problem;
pub mod protocol;
pub mod store;
pub mod telemetry;
pub mod thread_priority;
pub mod transport;
pub mod ws;
