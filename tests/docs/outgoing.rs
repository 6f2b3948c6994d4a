//! What the broker sends: every message that it can write is of its schema, field by field.

use super::document::{Document, Judge, Sender};
use chrono::{DateTime, Utc};
use licence_broker::catalogue_file;
use licence_broker::domain::admission::{AcquireAnswer, Welcome};
use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::event::{Denied, DeniedName};
use licence_broker::domain::ids::{LicenceId, SessionId};
use licence_broker::domain::interval::{Extent, IntervalRecord};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::reason::{DenialReason, Device, GrantPool, Refusal, ReleaseReason};
use licence_broker::domain::view::{BaseCounts, LicenceCounts};
use licence_broker::protocol::device::{self, ErrorCode, SessionTerms, Writer};
use licence_broker::protocol::request::{RequestError, RequestId};
use licence_broker::protocol::wallboard;
use serde_json::Value;
use std::collections::BTreeSet;
use ulid::Ulid;

const ID: &RequestId = &RequestId::Number(1);

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 123_000_000).expect("an instant")
}

fn find(catalogue: &Catalogue, key: &str) -> LicenceId {
    catalogue.find(key).expect("a type of the catalogue")
}

fn granted(catalogue: &Catalogue) -> Vec<(LicenceId, GrantPool)> {
    let licence = find(catalogue, "agent_email");
    GrantPool::ALL.iter().map(|pool| (licence, *pool)).collect()
}

fn denied() -> Vec<Denied> {
    let licence = DeniedName::Unknown("fax".into());
    let reasons = DenialReason::ALL.iter();
    reasons.map(|reason| Denied { licence: licence.clone(), reason: *reason }).collect()
}

fn welcome(catalogue: &Catalogue, device: Device) -> Welcome {
    Welcome {
        session: SessionId(Ulid::from_parts(1, 1).0),
        user: "edred".into(),
        device,
        granted: granted(catalogue),
        denied: denied(),
        waiting: vec![find(catalogue, "agent_sms")],
        grace_s: 20,
    }
}

fn sessions(catalogue: &Catalogue) -> Vec<String> {
    let (writer, terms) = (Writer(catalogue), SessionTerms { resume_token: "r", heartbeat_s: 15 });
    let written = Device::ALL.iter().flat_map(|device| {
        let welcome = welcome(catalogue, *device);
        [writer.logged_in(Some(ID), &welcome, terms), writer.resumed(None, &welcome, terms)]
    });
    written.map(|text| text.to_string()).collect()
}

fn answers(catalogue: &Catalogue) -> Vec<String> {
    let writer = Writer(catalogue);
    let licences = [find(catalogue, "agent_email")];
    let acquired = AcquireAnswer::Acquired {
        granted: granted(catalogue),
        denied: denied(),
        waiting: licences.to_vec(),
    };
    let mut written = vec![
        writer.acquired(Some(ID), &acquired).expect("an answer"),
        writer.granted(&granted(catalogue)),
        writer.logged_out(None, &licences),
        device::refreshed(Some(ID), at()),
        device::pong(Some(&RequestId::Text("a".into()))),
        device::draining(10),
    ];
    let refused = |reason: &Refusal| writer.login_refused(Some(ID), *reason, &denied());
    written.extend(Refusal::ALL.iter().map(refused));
    let released = |reason: &ReleaseReason| writer.released(None, &licences, *reason);
    written.extend(ReleaseReason::ALL.iter().map(released));
    written.into_iter().map(|text| text.to_string()).collect()
}

fn errors() -> Vec<String> {
    let codes: [ErrorCode; 7] = [
        RequestError::UnknownType("dance".into()).into(),
        RequestError::BadField("wait", "true or false").into(),
        RequestError::UnknownDevice("fax".into()).into(),
        ErrorCode::AlreadyLoggedIn,
        ErrorCode::SeatNotReleasable,
        ErrorCode::NotHeld("fax".into()),
        ErrorCode::TooManyWaiting,
    ];
    codes.map(|code| device::error(Some(ID), code).to_string()).to_vec()
}

fn frames(catalogue: &Catalogue) -> Vec<String> {
    let totals = Totals { concurrent: 200, contingency: 20, ..Totals::default() };
    let counts = [LicenceCounts {
        licence: find(catalogue, "inbound_agent"),
        holders: 201,
        instances: 391,
        totals,
        split: totals.split(201),
        contingency_max: 7,
        waiting: 0,
        denied_today: 3,
        assigned: 500,
        active: 480,
        active_in_month: 481,
        base: BaseCounts { used: 480, reusable: 0, available: 20 },
        unit_price: None,
    }];
    let figures = [IntervalRecord {
        licence: find(catalogue, "inbound_agent"),
        concurrent: 200,
        contingency: 0,
        concurrent_extent: Extent { peak: 200, low: 190 },
        contingency_extent: Extent { peak: 3, low: 0 },
        holders_peak: 203,
    }];
    let written = [
        wallboard::snapshot(Some(ID), 41, at(), &counts, catalogue),
        wallboard::counts(42, at(), &counts, catalogue),
        wallboard::interval(Some(ID), at(), &figures, catalogue),
        wallboard::interval(None, at(), &[], catalogue),
    ];
    written.map(|text| text.to_string()).to_vec()
}

/// The type of a message that the broker wrote, which must be of its schema.
fn judged(schemas: &Judge, text: &str) -> String {
    let message: Value = serde_json::from_str(text).expect("JSON");
    let name = message["type"].as_str().expect("a type").to_owned();
    assert_eq!(schemas.objection(&name, &message), None, "{text}");
    name
}

#[test]
fn every_message_that_the_broker_writes_is_described_to_the_field() {
    let document = Document::read();
    let schemas = document.closed_schemas();
    let catalogue = catalogue_file::built_in();
    let written =
        [sessions(&catalogue), answers(&catalogue), errors(), frames(&catalogue)].concat();
    let names: BTreeSet<_> = written.iter().map(|text| judged(&schemas, text)).collect();
    assert_eq!(names, document.sent_by(Sender::Broker, None), "each is written here");
}

#[test]
fn every_code_of_an_error_is_one_that_the_broker_gives() {
    let codes: Vec<_> = errors()
        .iter()
        .map(|text| serde_json::from_str::<Value>(text).expect("JSON")["code"].clone())
        .collect();
    assert_eq!(Document::read().words("error_code"), codes);
}

#[test]
fn every_example_of_the_broker_has_the_fields_that_it_writes() {
    let document = Document::read();
    let catalogue = catalogue_file::built_in();
    let written =
        [sessions(&catalogue), answers(&catalogue), errors(), frames(&catalogue)].concat();
    for text in written {
        let message: Value = serde_json::from_str(&text).expect("JSON");
        let fields = |value: &Value| -> BTreeSet<String> {
            let names = value.as_object().expect("an object").keys().cloned();
            names.filter(|name| name != "id").collect()
        };
        for example in document.examples(message["type"].as_str().expect("a type")) {
            assert_eq!(fields(example), fields(&message), "{example}");
        }
    }
}
