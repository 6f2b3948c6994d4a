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
use simulation::{STEPS, simulate, again};
use std::io::Write as _;

/// Played in every run.
const SEEDS: std::ops::Range<u64> = 1..13;
/// Played once.
const FRESH: u64 = 3;

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
            let (fewer, why) = again(seed, fault);
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
