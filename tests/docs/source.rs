//! The vocabulary of `src/protocol`, read from its text: a list kept by hand would rot like a document.

use std::collections::BTreeSet;

const CLOSE: &str = include_str!("../../src/protocol/close.rs");
const DEVICE: &str = include_str!("../../src/protocol/device.rs");
const REQUEST: &str = include_str!("../../src/protocol/request.rs");
const WALLBOARD: &str = include_str!("../../src/protocol/wallboard.rs");

/// The part of a source that is not for tests.
fn code(source: &str) -> &str {
    source.split("#[cfg(test)]").next().expect("a part")
}

/// Code and name of every close.
pub(crate) fn closes() -> BTreeSet<(u64, String)> {
    let constants = code(CLOSE).split("Self::new(").skip(1);
    let close = |constant: &str| {
        let (code, rest) = constant.split_once(',').expect("a code");
        let name = rest.split('"').nth(1).expect("a name");
        (code.trim().parse().expect("a number"), name.to_owned())
    };
    constants.map(close).collect()
}

/// The types of message that are read: the arms of the `match` on the type.
pub(crate) fn read_types() -> BTreeSet<String> {
    let arms = code(REQUEST).lines().filter_map(|line| line.trim().split_once(" => "));
    let words = arms.filter_map(|(arm, _)| arm.strip_prefix('"')?.strip_suffix('"'));
    words.map(str::to_owned).collect()
}

/// The types of message that are written: the variants for devices, the words for wallboards.
pub(crate) fn written_types() -> BTreeSet<String> {
    let (_, outgoing) = code(DEVICE).split_once("enum Outgoing<'a> {").expect("the messages");
    let (outgoing, _) = outgoing.split_once("\n}").expect("an end");
    let is_variant =
        |line: &&str| line.starts_with("    ") && line[4..].starts_with(char::is_uppercase);
    let variants = outgoing.lines().filter(is_variant).map(|line| {
        let name = line.trim().split(|c: char| !c.is_alphanumeric()).next().expect("a name");
        snake_case(name)
    });
    let lines = code(WALLBOARD).lines().filter(|line| !line.trim_start().starts_with("#["));
    let quoted = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
    let is_type = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    variants.chain(quoted.filter(is_type).map(str::to_owned)).collect()
}

fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[test]
fn the_vocabulary_is_found_in_the_sources() {
    assert!(closes().contains(&(4010, "seat_exhausted".to_owned())));
    assert!(read_types().contains("login") && read_types().contains("logout"));
    for name in ["logged_in", "login_refused", "draining", "snapshot", "counts", "interval"] {
        assert!(written_types().contains(name), "{name}");
    }
}
