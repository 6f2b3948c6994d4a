//! How many instructions the parts of a login take: what grows here grew on any machine, however busy.
//!
//! `cargo bench --bench instructions` counts with valgrind's callgrind and holds what it finds against
//! `docs/performance/instructions.txt`; anything that grew by more than 3 % is named, and the run fails.
//!
//! ```text
//! cargo bench --bench instructions -- --write       # keeps what was found as what to compare with
//! cargo bench --bench instructions -- --only parse  # the cases whose names begin so
//! ```

#[path = "../cases/mod.rs"]
mod cases;

mod counted;
mod kept;

use cases::Case;
use std::process::ExitCode;

/// A case may grow by so much, in thousandths, before the run fails: the same code is laid out anew by
/// each build, and maps are seeded anew in each process.
const GROWTH_MAX_THOUSANDTHS: u64 = 30;

/// A decision with 1,000,000 holders may cost so much of one with 1,000, in thousandths.
const GROWTH_BY_HOLDERS_MAX_THOUSANDTHS: u64 = 1_200;

const SMALL: &str = "decision/login and leave, 1,000 holders";
const LARGE: &str = "decision/login and leave, 1,000,000 holders";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |flag: &str| {
        let place = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(place + 1).map(String::as_str)
    };
    let cases = cases::all();
    if let Some(name) = value(counted::RUN_FLAG) {
        let case = cases.iter().find(|case| case.name == name).expect("a case of this name");
        counted::run(case);
        return ExitCode::SUCCESS;
    }
    let begins = value("--only").unwrap_or_default();
    let wanted = cases.iter().filter(|case| case.name.starts_with(begins));
    let found: Vec<(&str, u64)> = wanted.map(|case| (case.name, count(case))).collect();
    if arguments.iter().any(|argument| argument == "--write") {
        kept::write(&found);
    }
    let is_well = compare(&found) & compare_sizes(&found);
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn count(case: &Case) -> u64 {
    let instructions = counted::instructions_of(case);
    println!("{instructions:>9}  {}", case.name);
    instructions
}

/// Names what grew; whether nothing did.
fn compare(found: &[(&str, u64)]) -> bool {
    let kept = kept::read();
    let mut is_well = true;
    for (name, now) in found {
        let Some(before) = kept.get(*name) else {
            println!("new: {name}");
            continue;
        };
        let allowed = before + before * GROWTH_MAX_THOUSANDTHS / 1_000;
        if *now > allowed {
            println!("GREW: {name}: {before} before, {now} now, {allowed} allowed");
            is_well = false;
        }
    }
    is_well
}

/// Whether a decision costs about the same however many hold a licence.
fn compare_sizes(found: &[(&str, u64)]) -> bool {
    let of = |wanted| found.iter().find(|(name, _)| *name == wanted).map(|(_, count)| *count);
    let (Some(small), Some(large)) = (of(SMALL), of(LARGE)) else { return true };
    let thousandths = large * 1_000 / small.max(1);
    println!("{LARGE}: {thousandths} thousandths of 1,000 holders");
    thousandths <= GROWTH_BY_HOLDERS_MAX_THOUSANDTHS
}
