//! Organisations, agents and faults by the thousand, on one thread, in simulated days: the broker's own
//! code from its directory down, over a store double, watched by an auditor that shares no code with it.
//! See docs/SIMULATION.md.
//!
//! A failure prints the command that replays it. `SIMULATION_SEED=n` plays one seed, `SIMULATION_STEPS=n`
//! makes it longer or shorter.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what the double does not keep it passes over")]

mod auditor;
mod coverage;
mod device;
mod edge;
mod estate;
mod hear;
mod kept;
mod life;
mod look;
#[path = "../properties/random.rs"]
mod random;
mod simulation;
mod steps;
mod store;
mod tables;
mod time;
mod unserved;
mod world;

use coverage::Coverage;
use simulation::{STEPS, again, simulate};
use std::io::Write as _;

/// Played in every run.
const SEEDS: std::ops::Range<u64> = 1..31;
/// Played once.
const FRESH: u64 = 4;

/// What the fixed seeds must come to, together, to mean anything.
const MUST_COME_UP: &[(&str, u64)] = &[
    ("session", 3_000),
    ("organisation at rest", 3_000),
    ("fault: clock back", 60),
    ("fault: clock forward", 60),
    ("fault: commit held", 300),
    ("fault: commit refused", 60),
    ("fault: commit unknown, applied", 60),
    ("fault: commit unknown, not applied", 60),
    ("fault: actor panics", 60),
    ("fault: connection lost", 600),
    ("fault: crash", 60),
    ("fault: goodbye late", 300),
    ("fault: goodbye twice", 200),
    ("fault: load refused", 15),
    ("fault: sign of life refused", 30),
    ("fault: silent peer", 200),
    ("fault: slow reader", 200),
    ("asked just as a grace ran out", 200),
    ("forced", 200),
    ("drained", 40),
    ("totals changed", 300),
    ("user changed", 400),
    ("resume with a wrong token", 80),
    ("resume after its grace", 300),
    ("told: logged_in", 3_000),
    ("told: login_refused, no_channel_licensed", 80),
    ("told: login_refused, seat_exhausted", 15),
    ("told: login_refused, user_not_active", 30),
    ("told: login_refused, user_unknown", 30),
    ("told: acquired", 600),
    ("told: granted", 30),
    ("told: released", 60),
    ("told: logged_out", 300),
    ("told: resumed", 300),
    ("told: resume_failed", 300),
    ("told: unavailable", 60),
    ("told: ended, forced", 30),
    ("told: ended, going away", 60),
    ("told: ended, heartbeat timeout", 100),
    ("told: ended, scheduled", 8),
    ("told: ended, superseded", 300),
    ("told: ended, token expired", 8),
    ("told: ended, user changed", 8),
    ("told: ended, user unknown", 8),
    ("wallboard: applied a change", 500),
    ("wallboard: fell behind, took a snapshot", 500),
];

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number in the environment"))
}

fn steps() -> u64 {
    setting("SIMULATION_STEPS").unwrap_or(STEPS)
}

/// Plays a seed, and fails with what replays it.
fn play(seed: u64) -> Coverage {
    let steps = steps();
    match simulate(seed, steps) {
        Ok(coverage) => coverage,
        Err(fault) => {
            let (fewer, why) = again(seed, &fault);
            panic!(
                "{why}\nreplay: SIMULATION_SEED={seed} SIMULATION_STEPS={fewer} \
                 cargo test --locked --test simulation operator -- --nocapture"
            );
        }
    }
}

/// Past the capture of passing tests.
fn print(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[test]
fn whatever_fails_clients_records_and_counts_tell_one_story_with_one_seed_of_an_operator() {
    let Some(seed) = setting("SIMULATION_SEED") else { return };
    print(&format!("SIMULATION_SEED={seed}\n{}", play(seed)));
}

#[test]
fn whatever_fails_clients_records_and_counts_tell_one_story() {
    let mut all = Coverage::default();
    for seed in SEEDS {
        all.add(&play(seed));
    }
    print(&format!("simulated with seeds {SEEDS:?}:\n{all}"));
    if setting("SIMULATION_STEPS").is_none() {
        let is_rare = |(what, least): &&(&str, u64)| all.of(what) < *least;
        let rare: Vec<_> = MUST_COME_UP.iter().filter(is_rare).collect();
        assert!(rare.is_empty(), "came up too rarely: {rare:?}");
    }
}

#[test]
fn whatever_fails_it_holds_for_seeds_that_nobody_has_seen() {
    for _ in 0..FRESH {
        let seed = rand::random_range(1_000..1_000_000_000);
        print(&format!("a fresh seed: SIMULATION_SEED={seed}"));
        play(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_messages() {
    let of = |seed| {
        let coverage = simulate(seed, 400).unwrap_or_else(|fault| panic!("{}", fault.why));
        (coverage.trace, coverage.messages, coverage.simulated)
    };
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
}
