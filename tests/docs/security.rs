//! `docs/SECURITY.md` names tests that exist, and a test for each defence.

use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../docs/SECURITY.md");

/// The names of every test in this repository: functions that follow an attribute that ends with `test]`, or
/// `test(…)]`.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for folder in ["src", "tests"] {
        collect(&root.join(folder), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(tests_of(&std::fs::read_to_string(path).unwrap()));
        }
    }
}

fn tests_of(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line.contains("test]") || line.contains("::test(");
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
            names.push(rest.split('(').next().unwrap().to_owned());
            is_test = false;
        } else if !line.starts_with("//") {
            is_test = false;
        }
    }
    names
}

/// The rows of the tables whose last column is called `test`: the cells of each.
fn defences() -> Vec<Vec<&'static str>> {
    let mut rows = Vec::new();
    let mut is_ours = false;
    for line in PAGE.lines() {
        let cells: Vec<&str> =
            line.trim_matches('|').split(" | ").map(|cell| cell.trim_matches([' ', '|'])).collect();
        if !line.starts_with('|') {
            is_ours = false;
        } else if cells.last() == Some(&"test") {
            is_ours = true;
        } else if is_ours && !line.starts_with("|---") {
            rows.push(cells);
        }
    }
    rows
}

fn spans(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_defence_names_tests_and_every_test_that_is_named_exists() {
    let tests = tests();
    assert!(tests.len() > 500, "{} tests are found", tests.len());
    let rows = defences();
    assert!(rows.len() >= 35, "{} defences are found", rows.len());
    for row in rows {
        assert_eq!(row.len(), 3, "threat, defence, test: {row:?}");
        let named: Vec<&str> = spans(row[2]).collect();
        assert!(!named.is_empty(), "{row:?}");
        for name in named {
            assert!(tests.contains(name), "there is no test `{name}`");
        }
    }
}

#[test]
fn a_test_is_told_from_other_functions() {
    let source = "#[tokio::test(start_paused = true)]\nasync fn a() {}\nfn b() {}\n\
                  #[test]\n#[ignore]\nfn c() {}\n#[inline]\nfn d() {}\n";
    assert_eq!(tests_of(source), ["a", "c"]);
}
