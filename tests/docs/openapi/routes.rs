//! The URL table, read from its text: what it has, the document has, and nothing else.

use super::document::Document;
use std::collections::BTreeSet;

const TABLE: &str = include_str!("../../../src/http/mod.rs");
const ORGANISATION: &str = "/v1/organisations/{org}";

/// Sockets judge tokens in their own way, before the table; it has them for the other methods only.
const BEFORE_THE_TABLE: [(&str, &str, &str); 2] = [
    ("GET", "/v1/organisations/{org}/live", "wallboard"),
    ("GET", "/v1/organisations/{org}/session", "device"),
];

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    method: String,
    path: String,
    least_role: String,
    handler: String,
}

/// Every line of the table, in its order.
fn table() -> Vec<Line> {
    let code = TABLE.split("#[cfg(test)]").next().expect("a part");
    let (root, below) = code.split_once("fn below_an_organisation").expect("two parts");
    let mut lines = Vec::new();
    for (part, prefix) in [(root, ""), (below, ORGANISATION)] {
        for entry in part.split("path(").skip(1) {
            let Some((path, entries)) = quoted(entry) else { continue };
            lines.extend(entries_of(&format!("{prefix}{path}"), entries));
        }
    }
    lines
}

/// The text in quotes with which this begins, and the rest of it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    text.trim_start().strip_prefix('"')?.split_once('"')
}

/// The entries in the brackets that come first.
fn entries_of(path: &str, text: &str) -> Vec<Line> {
    let entries = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    let (entries, _) = entries.unwrap_or_else(|| panic!("{path}: its methods"));
    let line = |entry: &str| {
        let (method, rest) = entry.split_once('(')?;
        let (who, handler) = rest.split_once(',')?;
        Some(Line {
            method: method.trim_matches([',', ' ', '\n']).to_uppercase(),
            path: path.to_owned(),
            least_role: who.trim().to_lowercase(),
            handler: handler.trim().to_owned(),
        })
    };
    entries.split(')').filter_map(line).collect()
}

/// Whether a caller of the API has to know of it: pages are for people, and what is answered before the
/// table is not answered by it.
fn is_of_the_api(line: &Line) -> bool {
    !line.handler.starts_with("pages::") && line.handler != "problem::no_such_path"
}

/// `/users/{user:import}` is the path `/users/import`. Its methods that `/users/{user}` has as well are no
/// operations of their own.
fn spelled_out(line: &Line, table: &[Line]) -> Option<Line> {
    let Some((before, rest)) = line.path.split_once(':') else { return Some(line.clone()) };
    let (word, after) = rest.split_once('}').expect("an end of the parameter");
    let general = format!("{before}}}{after}");
    let is_double = |other: &Line| other.path == general && other.handler == line.handler;
    if table.iter().any(is_double) {
        return None;
    }
    let (before, _) = before.rsplit_once('{').expect("a beginning of the parameter");
    Some(Line { path: format!("{before}{word}{after}"), ..line.clone() })
}

#[test]
fn every_operation_of_the_url_table_is_described_with_its_least_role_and_no_other_is() {
    let table = table();
    let api = table.iter().filter(|line| is_of_the_api(line));
    let mut served: BTreeSet<(String, String, String)> = api
        .filter_map(|line| spelled_out(line, &table))
        .map(|line| (line.method, line.path, line.least_role))
        .collect();
    served.extend(
        BEFORE_THE_TABLE
            .map(|(method, path, role)| (method.to_owned(), path.to_owned(), role.to_owned())),
    );
    let described: BTreeSet<(String, String, String)> = Document::read()
        .operations()
        .into_iter()
        .map(|operation| {
            let role = operation.least_role().to_owned();
            (operation.method, operation.path, role)
        })
        .collect();
    let missing: Vec<_> = served.difference(&described).collect();
    let invented: Vec<_> = described.difference(&served).collect();
    assert!(missing.is_empty(), "served and not described: {missing:#?}");
    assert!(invented.is_empty(), "described and not served: {invented:#?}");
}

#[test]
fn the_url_table_is_found_in_its_source() {
    let table = table();
    let entries = ["get(", "post(", "put(", "patch(", "delete("];
    let count = |word: &str| {
        TABLE.matches(&format!("{word}Anyone")).count()
            + TABLE.matches(&format!("{word}Bearer")).count()
            + TABLE.matches(&format!("{word}Supervisor")).count()
            + TABLE.matches(&format!("{word}Admin")).count()
            + TABLE.matches(&format!("{word}Operator")).count()
    };
    assert_eq!(table.len(), entries.iter().map(|word| count(word)).sum::<usize>());
    let import = table.iter().find(|line| line.handler == "import::import").expect("a line");
    assert_eq!(import.path, "/v1/organisations/{org}/users/{user:import}");
    let spelled_out = spelled_out(import, &table).expect("an operation of its own");
    assert_eq!(spelled_out.path, "/v1/organisations/{org}/users/import");
}
