//! Words, problems and bounds: the document's are the code's.

use super::document::Document;
use licence_broker::auth::Role;
use licence_broker::auth::claims::SUBJECT_MAX_BYTES;
use licence_broker::domain::ids::OrganisationId;
use licence_broker::domain::reason::{
    AuditAction, DenialOutcome, DenialReason, Device, GrantPool, HolderPool, LogonSource,
    ReleaseReason, UsageType, UserStatus, WallboardKind,
};
use licence_broker::limits::Limits;
use reqwest::StatusCode;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const PROBLEMS: &str = include_str!("../../../src/problem.rs");

/// By type: title and status, as `Kind::entry` has them.
fn problems() -> BTreeMap<String, (String, u16)> {
    let (_, entries) = PROBLEMS.split_once("fn entry(").expect("the table");
    let (entries, _) = entries.split_once("\n    }\n").expect("its end");
    let parts: Vec<&str> = entries.split('"').collect();
    let entry = |parts: &[&str]| {
        let [_, name, status, title] = parts else { panic!("an entry: {parts:?}") };
        (format!("/problems/{name}"), ((*title).to_owned(), status_of(status)))
    };
    parts[..parts.len() - 1].chunks(4).map(entry).collect()
}

/// The number of a constant of `StatusCode`, by its name: `UNPROCESSABLE_ENTITY` is Unprocessable Entity.
fn status_of(text: &str) -> u16 {
    let name = text.trim_matches([',', ' ', '\n']).strip_prefix("StatusCode::").expect("a status");
    let spelled = |status: &StatusCode| {
        let reason = status.canonical_reason().unwrap_or_default();
        reason.to_uppercase().replace([' ', '-'], "_") == name
    };
    let known = (300..600).filter_map(|code| StatusCode::from_u16(code).ok());
    known.into_iter().find(spelled).unwrap_or_else(|| panic!("{name} is a status")).as_u16()
}

#[test]
fn the_types_of_problem_are_those_of_the_code() {
    let document = Document::read();
    let problems = problems();
    assert!(problems.len() > 15 && problems.contains_key("/problems/bad_cursor"));
    let listed = document.at("/components/schemas/problem_type/enum").as_array().expect("a list");
    let names: BTreeSet<&str> = listed.iter().filter_map(Value::as_str).collect();
    assert_eq!(names, problems.keys().map(String::as_str).collect());
    assert_eq!(names.len(), listed.len(), "no type stands there twice");
}

/// A program may look for a type where it is described, and at the status that belongs to it.
#[test]
fn every_type_of_problem_is_an_example_of_an_answer_with_its_title_and_status() {
    let document = Document::read();
    let problems = problems();
    let mut shown = BTreeSet::new();
    for operation in document.operations() {
        for (status, response) in &operation.responses {
            let content = &response["content"]["application/problem+json"];
            for example in document.examples(content) {
                let kind = example["type"].as_str().expect("a type");
                let (title, code) = &problems[kind];
                assert_eq!(
                    (&example["title"], &example["status"]),
                    (&title.as_str().into(), &(*code).into())
                );
                assert!(status == "default" || *status == code.to_string(), "{kind} at {status}");
                shown.insert(kind.to_owned());
            }
        }
    }
    assert_eq!(shown, problems.into_keys().collect());
}

#[test]
fn every_word_list_is_that_of_the_rules() {
    let document = Document::read();
    let listed = |schema: &str| {
        let words = document.at(&format!("/components/schemas/{schema}/enum"));
        let words = words.as_array().expect("a list").iter();
        words.map(|word| word.as_str().expect("a word").to_owned()).collect::<Vec<_>>()
    };
    macro_rules! same {
        ($($schema:literal $words:ty,)+) => { $(
            let words: Vec<&str> = <$words>::ALL.iter().map(|word| word.as_str()).collect();
            assert_eq!(listed($schema), words, $schema);
        )+ };
    }
    same! {
        "role" Role, "device" Device, "user_status" UserStatus, "grant_pool" GrantPool,
        "holder_pool" HolderPool, "denial_reason" DenialReason, "denial_outcome" DenialOutcome,
        "release_reason" ReleaseReason, "usage_type" UsageType, "audit_action" AuditAction, "logon_source" LogonSource,
        "wallboard_kind" WallboardKind,
    }
}

#[test]
fn the_bounds_are_those_that_are_enforced() {
    let document = Document::read();
    let number = |pointer: &str| document.at(&format!("/components/schemas/{pointer}")).as_u64();
    let limits = Limits::default();
    assert_eq!(number("organisation_id/maximum"), Some(OrganisationId::MAX));
    let tokens = "tokens_wanted/properties/tokens";
    assert_eq!(number(&format!("{tokens}/maxItems")), Some(limits.tokens_per_call_max as u64));
    let subject = format!("{tokens}/items/properties/sub/maxLength");
    assert_eq!(number(&subject), Some(SUBJECT_MAX_BYTES as u64));
    let synced = "synced_users/properties/users/maxItems";
    assert_eq!(number(synced), Some(limits.import_users_max as u64));
    let limit = document.at("/components/parameters/limit/description").as_str().expect("a text");
    assert!(limit.contains(&limits.page_limit_max.to_string()), "{limit}");
}
