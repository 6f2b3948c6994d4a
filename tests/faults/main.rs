//! Commits that are late, fail, or end nobody knows how; actors that panic; devices that take nothing.

#![allow(unreachable_pub, reason = "a suite is a crate that nobody uses")]

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod failed_commits;
mod held_commits;
mod outage;
mod panics;
mod puppet;
mod races;
mod stage;
mod storm;
