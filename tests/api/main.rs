//! The HTTP API as the contract has it: who may do what in which order, every shape to the letter, and
//! what an administrative change does to the sessions that run.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod acting_on_sessions;
mod audited;
mod changes;
mod concurrency;
mod custom_reports;
mod demand;
mod ended_tokens;
mod figures;
mod finance;
mod first_account;
mod forged;
mod headers;
mod health;
mod leaving_early;
mod observed;
mod order;
mod paging;
mod person;
mod raw;
mod roles;
mod rotation;
mod secrets;
mod setting_up;
mod shapes;
mod signing_in;
mod validation;
mod worthless;
