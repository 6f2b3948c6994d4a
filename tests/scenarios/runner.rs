//! Plays a table and compares what came with what it says.

use crate::look;
use crate::script::{Fault, Item, Line, Look, Script, Step, names};
use crate::setup;
use crate::stage::{Stage, instant};
use crate::steps;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Where the tables are.
pub(crate) fn tables() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/tables")
}

/// Plays one table.
///
/// # Panics
/// If a line cannot be read or does not come true, naming every such line.
pub(crate) fn run(name: &str) {
    let path = tables().join(format!("{name}.scenario"));
    let text = std::fs::read_to_string(&path).expect("a listed table exists");
    let faults = play(&text);
    let mut report = String::new();
    for (number, why) in &faults {
        write!(report, "\ntests/scenarios/tables/{name}.scenario:{number}: {why}")
            .expect("a string takes all");
    }
    assert!(faults.is_empty(), "{report}\n");
}

/// Everything that is wrong with a table, in its order.
pub(crate) fn play(text: &str) -> Vec<Fault> {
    let (mut stage, script) = match begin(text) {
        Ok(begun) => begun,
        Err(fault) => return vec![fault],
    };
    let mut faults = Vec::new();
    for item in &script.items {
        match item {
            Item::Step(step) => play_step(&mut stage, step, &mut faults),
            Item::Look(look) => compare(&mut stage, look, &mut faults),
        }
    }
    faults
}

fn begin(text: &str) -> Result<(Stage, Script), Fault> {
    let script = Script::read(text)?;
    let charter = setup::charter(&script.setup)?;
    let first = script.items.iter().find_map(|item| match item {
        Item::Step(step) => Some(step),
        Item::Look(_) => None,
    });
    let first = first.ok_or((1, "nothing happens".to_owned()))?;
    let at = instant(first.when, charter.zone).map_err(|why| (first.number, why))?;
    Ok((setup::build(&charter, &script.setup, at)?, script))
}

fn play_step(stage: &mut Stage, step: &Step, faults: &mut Vec<Fault>) {
    stage.told.clear();
    let answer = stage.turn_clock(step.when).and_then(|()| steps::perform(stage, &step.what));
    match (answer, &step.answer) {
        (Err(why), _) => faults.push((step.number, why)),
        (Ok(answer), Some(expected)) => {
            note_difference(step.number, &step.what, expected, &answer, faults);
        }
        (Ok(answer), None) if answer == "done" => {}
        (Ok(answer), None) => {
            faults.push((step.number, format!("the answer is missing: -> {answer}")));
        }
    }
    let mut actual: Vec<String> = stage
        .told
        .iter()
        .map(|(link, notice)| {
            format!("{} {}", stage.name_of(*link), stage.speaker().notice(notice))
        })
        .collect();
    let mut expected = Vec::new();
    for line in &step.tells {
        match spread(line) {
            Ok(lines) => expected.extend(lines),
            Err(why) => faults.push((line.number, why)),
        }
    }
    actual.sort_unstable();
    expected.sort_unstable();
    note_difference(step.number, "tells", &rows(&expected), &rows(&actual), faults);
}

/// `agent-1..3 deskphone ended forced` as three lines.
fn spread(line: &Line) -> Result<Vec<String>, String> {
    let (subject, rest) = line.text.split_once(' ').unwrap_or((&line.text, ""));
    if rest.is_empty() {
        return Err("`tells` a user's device something".to_owned());
    }
    Ok(names(subject)?.iter().map(|name| format!("{name} {rest}")).collect())
}

fn compare(stage: &mut Stage, look: &Look, faults: &mut Vec<Fault>) {
    let number = look.line.number;
    if let Some(expected) = look.line.text.strip_prefix("counts ") {
        match look::counts(stage, expected) {
            Ok(actual) => note_difference(number, "counts", expected, &actual, faults),
            Err(why) => faults.push((number, why)),
        }
        return;
    }
    let expected: Vec<String> = look.rows.iter().map(|row| row.text.clone()).collect();
    match look::look(stage, look) {
        Ok(actual) => {
            note_difference(number, &look.line.text, &rows(&expected), &rows(&actual), faults);
        }
        Err(why) => faults.push((number, why)),
    }
}

fn rows(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n      {line}")).collect()
}

fn note_difference(
    number: usize,
    what: &str,
    expected: &str,
    actual: &str,
    faults: &mut Vec<Fault>,
) {
    if expected != actual {
        faults.push((number, format!("{what}\n    expected: {expected}\n    actual:   {actual}")));
    }
}
