//! Runs one case in a process of its own under callgrind.

use crate::cases::Case;
use std::process::Command;

/// Told so, the process runs a case, to be counted from outside.
pub(crate) const RUN_FLAG: &str = "--run";

/// Calls before counting begins: what is made once is made by then.
const WARM_UP: u32 = 100;
/// Calls that are counted.
const COUNTED: u32 = 1_000;

/// The function that callgrind counts within; everything outside is preparation.
const TOGGLE: &str = "*repeat_counted*";

/// The part of the process that is counted.
#[inline(never)]
fn repeat_counted(operation: &mut dyn FnMut()) {
    for _ in 0..COUNTED {
        operation();
    }
}

/// Runs a case; called in the process that callgrind looks at.
pub(crate) fn run(case: &Case) {
    let mut operation = (case.prepare)();
    for _ in 0..WARM_UP {
        operation();
    }
    repeat_counted(&mut operation);
    // Taking it all down again takes longer than the rest, and nobody counts it.
    std::process::exit(0);
}

/// Instructions for one operation.
///
/// # Panics
/// If valgrind is not there, or the case fails.
pub(crate) fn instructions_of(case: &Case) -> u64 {
    let myself = std::env::current_exe().expect("a program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={TOGGLE}"))
        .arg(myself)
        .args([RUN_FLAG, case.name])
        .output()
        .expect("valgrind: apt-get install valgrind");
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split("Collected :").nth(1));
    let collected = collected.and_then(|number| number.trim().parse::<u64>().ok());
    let collected = collected.filter(|count| output.status.success() && *count > 0);
    collected.unwrap_or_else(|| panic!("{}: {said}", case.name)) / u64::from(COUNTED)
}
