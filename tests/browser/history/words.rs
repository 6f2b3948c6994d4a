//! Whatever the broker's reports can say has a text in every language.

use licence_broker::domain::reason::{DenialOutcome, LogonSource, ReleaseReason, UsageType};
use licence_broker::store::report_fields::{Operator, Source};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// The words of a family that have a text.
fn told(language: &str, family: &str) -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("static/i18n/{language}.json"));
    let table: Map<String, Value> =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let own = table.keys().filter_map(|key| key.strip_prefix(&format!("{family}.")));
    own.map(str::to_owned).collect()
}

#[test]
fn every_word_of_the_reports_has_a_text_and_no_text_is_of_another() {
    let fields = Source::ALL.iter().flat_map(|source| source.fields()).map(|field| field.name);
    let metrics = Source::ALL.iter().flat_map(|source| source.metrics()).map(|metric| metric.name);
    let families: [(&str, Vec<&str>); 8] = [
        ("field", fields.collect()),
        ("metric", metrics.collect()),
        ("operator", Operator::ALL.iter().map(|word| word.as_str()).collect()),
        ("dataset", Source::ALL.iter().map(|word| word.as_str()).collect()),
        ("logged", UsageType::ALL.iter().map(|word| word.as_str()).collect()),
        ("logon", LogonSource::ALL.iter().map(|word| word.as_str()).collect()),
        ("ended", ReleaseReason::ALL.iter().map(|word| word.as_str()).collect()),
        ("outcome", DenialOutcome::ALL.iter().map(|word| word.as_str()).collect()),
    ];
    for (family, words) in families {
        let words: BTreeSet<String> = words.into_iter().map(str::to_owned).collect();
        for language in ["en", "ja"] {
            assert_eq!(told(language, family), words, "{family} in {language}");
        }
    }
}
