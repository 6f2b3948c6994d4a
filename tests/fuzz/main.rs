//! The corpus of the fuzz targets, replayed: what a fuzzer found once stays found without it.
//!
//! The targets are built and run by cargo-fuzz (docs/CONFORMANCE.md); this needs neither.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mutation;
mod targets;

use mutation::Mutation;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Inputs that each target is given beside its corpus, unless `FUZZ_INPUTS` says otherwise.
const INPUTS: usize = 300;

/// Its name, and what runs it.
type Target = (&'static str, fn(&[u8]));

/// Every target.
const TARGETS: [Target; 9] = [
    ("bodies", targets::bodies::run),
    ("catalogue", targets::catalogue::run),
    ("cells", targets::cells::run),
    ("frames", targets::frames::run),
    ("imports", targets::imports::run),
    ("messages", targets::messages::run),
    ("queries", targets::queries::run),
    ("settings", targets::settings::run),
    ("tokens", targets::tokens::run),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(name)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    entries.map(|entry| stem(entry.unwrap().path())).collect()
}

#[test]
fn what_is_in_the_corpus_is_read_as_the_targets_demand() {
    let mut failed = Vec::new();
    for (target, run) in TARGETS {
        let mut inputs = 0;
        for entry in fs::read_dir(folder("corpus").join(target)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            if std::panic::catch_unwind(|| run(&bytes)).is_err() {
                failed.push(path);
            }
            inputs += 1;
        }
        assert!(inputs >= 5, "{target} has {inputs} inputs");
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

/// `FUZZ_SEED` draws others; a failure prints the input.
#[test]
fn inputs_like_those_of_the_corpus_are_read_as_the_targets_demand() {
    let mut mutation = Mutation::new(number("FUZZ_SEED").unwrap_or(1));
    let inputs = number("FUZZ_INPUTS").unwrap_or(INPUTS);
    for (target, run) in TARGETS {
        let mut files: Vec<PathBuf> = fs::read_dir(folder("corpus").join(target))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        let corpus: Vec<Vec<u8>> = files.iter().map(|path| fs::read(path).unwrap()).collect();
        for _ in 0..inputs {
            let input = mutation.draw(&corpus);
            let outcome = std::panic::catch_unwind(|| run(&input));
            assert!(outcome.is_ok(), "{target}: {}", input.escape_ascii());
        }
    }
}

#[test]
fn every_target_is_replayed() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("fuzz_targets")), known);
    assert_eq!(names(&folder("corpus")), known);
}
