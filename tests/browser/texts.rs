//! The texts of the pages against the code that uses them, and the pages' catalogue against the broker's.

use licence_broker::catalogue_file;
use licence_broker::domain::catalogue::{Class, Model};
use licence_broker::domain::reason::{
    AuditAction, DenialReason, Device, GrantPool, Refusal, ReleaseReason,
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

type Words = BTreeSet<String>;

/// What the contract calls the errors of a session.
const ERRORS: &[&str] = &[
    "unknown_type",
    "bad_message",
    "already_logged_in",
    "unknown_device",
    "seat_not_releasable",
    "not_held",
    "too_many_waiting",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("static")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn table(language: &str) -> Map<String, Value> {
    let text = read(&folder().join(format!("i18n/{language}.json")));
    let table: Map<String, Value> = serde_json::from_str(&text).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("  \"")).count();
    assert_eq!(lines, table.len(), "{language}: a key stands there twice");
    table
}

fn keys() -> Words {
    table("en").keys().cloned().collect()
}

/// The keys of one family, without it: `reason.exhausted` is the word `exhausted` of `reason`.
fn family(name: &str) -> Words {
    let word =
        |key: &String| Some(key.split_once('.').filter(|(own, _)| *own == name)?.1.to_owned());
    keys().iter().filter_map(word).collect()
}

fn words<'a>(of: impl IntoIterator<Item = &'a str>) -> Words {
    of.into_iter().map(str::to_owned).collect()
}

/// Every script and page below `static/`, by its path there; those of others have texts of their own.
fn sources() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    let mut folders = vec![folder()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder()).unwrap().to_string_lossy().into_owned();
            let is_source = |extension| extension == "js" || extension == "html";
            if path.is_dir() && name != "vendor" {
                folders.push(path);
            } else if path.extension().is_some_and(is_source) {
                sources.push((name, read(&path)));
            }
        }
    }
    sources
}

/// What stands between double quotes; none of it spans lines.
fn literals(source: &str) -> impl Iterator<Item = &str> {
    source.lines().flat_map(|line| line.split('"').skip(1).step_by(2))
}

/// The families that the comment at the head of `i18n.js` lists as put together at run time.
fn families_of_words() -> Words {
    let source = read(&folder().join("i18n.js"));
    let comment = source.split("*/").next().unwrap();
    let quoted = comment.split('`').skip(1).step_by(2);
    quoted.filter_map(|word| word.strip_suffix('.')).map(str::to_owned).collect()
}

/// `word("reason", …)` and `` t(`reason.${…}`) `` in a script.
fn families_used(source: &str) -> Words {
    let by_word = source.split("word(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let by_template =
        source.split('`').filter_map(|rest| rest.split_once(".${").map(|(name, _)| name));
    let is_family =
        |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    by_word.chain(by_template).filter(is_family).map(str::to_owned).collect()
}

/// The words of a union of strings that is declared in `client.d.ts`.
fn declared(name: &str) -> Words {
    let source = read(&folder().join("client.d.ts"));
    let (_, rest) = source.split_once(&format!("export type {name} =")).unwrap();
    literals(rest.split(';').next().unwrap()).map(str::to_owned).collect()
}

#[test]
fn both_languages_have_the_same_keys_with_the_same_values_to_fill_in() {
    let (english, japanese) = (table("en"), table("ja"));
    assert_eq!(english.keys().collect::<BTreeSet<_>>(), japanese.keys().collect::<BTreeSet<_>>());
    let to_fill_in = |text: &Value| -> Words {
        let text = text.as_str().expect("a text").to_owned();
        assert!(!text.trim().is_empty());
        text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().to_owned()).collect()
    };
    for (key, text) in &english {
        assert_eq!(to_fill_in(text), to_fill_in(&japanese[key]), "{key}");
    }
}

#[test]
fn no_text_is_missing_and_none_is_there_for_nothing() {
    let keys = keys();
    let families: Words =
        keys.iter().map(|key| key.split('.').next().unwrap().to_owned()).collect();
    let at_run_time = families_of_words();
    // Some read like keys; their texts are those of another family.
    let actions = words(AuditAction::ALL.iter().map(|action| action.as_str()));
    let mut used = Words::new();
    for (_, source) in sources() {
        let names_a_text = |literal: &&str| {
            let is_word =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            literal.split_once('.').is_some_and(|(family, rest)| {
                families.contains(family) && !rest.is_empty() && rest.bytes().all(is_word)
            })
        };
        used.extend(literals(&source).filter(names_a_text).map(str::to_owned));
    }
    let missing: Vec<_> = used.difference(&keys).filter(|key| !actions.contains(*key)).collect();
    assert!(missing.is_empty(), "used, but nowhere written: {missing:?}");
    let is_fixed = |key: &&String| !at_run_time.contains(key.split('.').next().unwrap());
    let unused: Vec<_> = keys.difference(&used).filter(is_fixed).collect();
    assert!(unused.is_empty(), "written, but nowhere used: {unused:?}");
}

#[test]
fn the_families_that_are_put_together_at_run_time_are_those_that_i18n_js_lists() {
    let used: Words = sources()
        .iter()
        .filter(|(name, _)| name.ends_with(".js"))
        .flat_map(|(_, source)| families_used(source))
        .collect();
    assert_eq!(used, families_of_words());
}

#[test]
fn every_word_of_the_protocol_has_a_text() {
    assert_eq!(family("device"), words(Device::ALL.iter().map(|word| word.as_str())));
    assert_eq!(family("pool"), words(GrantPool::ALL.iter().map(|word| word.as_str())));
    let reasons = words(DenialReason::ALL.iter().map(|word| word.as_str()));
    let refusals = words(Refusal::ALL.iter().map(|word| word.as_str()));
    assert!(family("reason").is_superset(&reasons), "why one licence was denied");
    assert!(family("reason").is_superset(&refusals), "why a login was refused");
    let released = words(ReleaseReason::ALL.iter().map(|word| word.as_str()));
    assert!(family("released").is_superset(&released), "why a licence was released");
    assert!(family("error").is_superset(&words(ERRORS.iter().copied())), "what a session answers");
}

#[test]
fn every_close_code_of_the_broker_has_a_text() {
    let source = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/protocol/close.rs"));
    let codes = source.split("Self::new(").skip(1).map(|rest| rest.split(',').next().unwrap());
    let codes = words(codes.filter(|code| code.parse::<u16>().is_ok()));
    assert!(codes.len() > 15, "the table is still read: {codes:?}");
    let told = family("closing");
    let silent: Vec<_> = codes.difference(&told).collect();
    assert!(silent.is_empty(), "close codes without a text: {silent:?}");
}

#[test]
fn every_state_and_fate_of_the_client_has_a_text() {
    assert_eq!(family("state"), declared("ClientState"));
    assert_eq!(family("fate"), declared("Fate"));
}

#[test]
fn licence_types_are_called_as_in_the_catalogue() {
    let catalogue = catalogue_file::built_in();
    let (english, japanese) = (table("en"), table("ja"));
    for (_, licence) in catalogue.iter() {
        let key = format!("licence.{}", licence.key);
        assert_eq!(english[&key], &*licence.name_en, "{key}");
        assert_eq!(japanese[&key], &*licence.name_ja, "{key}");
    }
    assert_eq!(family("licence").len(), catalogue.len(), "no type that there is not");
}

#[test]
fn the_pages_know_the_licence_types_in_the_order_of_the_catalogue() {
    let source = read(&folder().join("catalogue.js"));
    let entries: Vec<&str> =
        source.lines().filter_map(|line| line.trim().strip_prefix("type(")).collect();
    let class = |class| match class {
        Class::UserType => "user_type",
        Class::Feature => "feature",
        Class::Product => "product",
        Class::Device => "device",
    };
    let model = |model| match model {
        Model::Concurrent => "CONCURRENT",
        Model::FixedSeat => "FIXED",
        Model::Assigned => "ASSIGNED",
    };
    let expected: Vec<String> = catalogue_file::built_in()
        .iter()
        .map(|(_, it)| format!("\"{}\", \"{}\", {}),", it.key, class(it.class), model(it.model)))
        .collect();
    assert_eq!(entries, expected);
}
