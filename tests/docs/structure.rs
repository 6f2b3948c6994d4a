//! The document in itself: nothing named that is not there, nothing there that is not used.

use super::document::{Document, Sender, last_part};
use std::collections::BTreeSet;

fn keys(document: &Document, pointer: &str) -> BTreeSet<String> {
    document.object(pointer).keys().cloned().collect()
}

#[test]
fn every_reference_leads_somewhere() {
    let document = Document::read();
    for (place, target) in document.references() {
        let pointer = target.strip_prefix('#').expect("a reference within the document");
        assert!(document.0.pointer(pointer).is_some(), "{place}: {target}");
    }
}

#[test]
fn every_component_is_used() {
    let document = Document::read();
    let targets: BTreeSet<String> =
        document.references().into_iter().map(|(_, target)| target).collect();
    for kind in ["messages", "schemas", "parameters", "channelBindings"] {
        for name in keys(&document, &format!("/components/{kind}")) {
            assert!(targets.contains(&format!("#/components/{kind}/{name}")), "{kind}: {name}");
        }
    }
}

#[test]
fn the_messages_of_a_channel_are_those_of_its_operations() {
    let document = Document::read();
    for channel in ["session", "live"] {
        let mut sent = document.sent_by(Sender::Client, Some(channel));
        sent.extend(document.sent_by(Sender::Broker, Some(channel)));
        assert_eq!(keys(&document, &format!("/channels/{channel}/messages")), sent, "{channel}");
    }
}

#[test]
fn a_message_a_schema_and_the_word_for_the_type_have_one_name() {
    let document = Document::read();
    for (name, message) in document.object("/components/messages") {
        assert_eq!(&last_part(&message["payload"]), name);
        let schema = document.at(&format!("/components/schemas/{name}"));
        assert_eq!(schema["properties"]["type"]["const"], name.as_str());
    }
    for channel in ["session", "live"] {
        for (name, message) in document.object(&format!("/channels/{channel}/messages")) {
            assert_eq!(&last_part(message), name);
        }
    }
}

#[test]
fn every_example_is_of_its_own_schema_and_of_no_other() {
    let document = Document::read();
    let schemas = document.closed_schemas();
    let names = keys(&document, "/components/messages");
    for name in &names {
        let examples = document.examples(name);
        assert!(!examples.is_empty(), "{name} has an example");
        for payload in examples {
            assert_eq!(schemas.objection(name, payload), None, "{name}");
            for other in names.iter().filter(|other| *other != name) {
                assert!(schemas.objection(other, payload).is_some(), "{name} is no {other}");
            }
        }
    }
}
