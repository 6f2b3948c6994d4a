//! The demo's pages in a real browser, against a real broker: what a person does and sees.
//!
//! Needs Debian's `chromium` and `chromium-driver`. Where they are missing the suite says so and is left
//! out; with `CHECK=full` in the environment it fails instead.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod access_apart;
mod administration;
mod api_page;
mod back_off;
mod browser;
mod client_guide;
mod connection;
mod console;
mod contention;
mod demo_broker;
mod desk;
mod driver;
mod history;
mod keyboard;
mod language;
mod line;
mod moving;
mod opening;
mod page;
mod pasted_tokens;
#[path = "../api/person.rs"]
#[allow(dead_code, reason = "shared with the suite of the HTTP API, which needs all of it")]
mod person;
mod picture;
mod policy;
mod renewal;
mod stage;
mod styles;
mod texts;
mod wallboard;
mod wallboard_days;
