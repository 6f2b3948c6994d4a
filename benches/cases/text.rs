//! What is read from devices and written to them.

use super::Entry;
use licence_broker::catalogue_file;
use licence_broker::domain::admission::Welcome;
use licence_broker::domain::event::{Denied, DeniedName};
use licence_broker::domain::ids::SessionId;
use licence_broker::domain::reason::{DenialReason, Device, GrantPool, Refusal};
use licence_broker::protocol::device::{SessionTerms, Writer};
use licence_broker::protocol::request::{self, RequestId};
use std::hint::black_box;

/// See [`super::all`].
pub(crate) const CASES: &[Entry] = &[
    ("parse/login with a token", || parse(LOGIN_WITH_TOKEN)),
    ("parse/login", || parse(r#"{"type":"login","id":1,"device":"agent_desktop"}"#)),
    ("parse/acquire", || {
        parse(r#"{"type":"acquire","id":3,"channels":["agent_sms"],"wait":true}"#)
    }),
    ("parse/ping", || parse(r#"{"type":"ping","id":6}"#)),
    ("write/logged_in, three licences", || logged_in(3, 0)),
    ("write/logged_in, two licences and one denied", || logged_in(2, 1)),
    ("write/login_refused", login_refused),
];

/// As long as a token of the broker is.
const LOGIN_WITH_TOKEN: &str = concat!(
    r#"{"type":"login","id":1,"token":"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZ2VudC0xMjM0"#,
    "NSIsInJvbGUiOiJkZXZpY2UiLCJleHAiOjE4MDAwMDM2MDAsImlhdCI6MTgwMDAwMDAwMCwib3JnIjo5MDAxfQ.",
    r#"0123456789abcdefghijklmnopqrstuvwxyzABCDEFG","device":"agent_desktop","channels":["#,
    r#""agent_email","agent_web_chat"],"wait":false,"grace_s":20}"#,
);

fn parse(text: &'static str) -> Box<dyn FnMut()> {
    Box::new(move || {
        let envelope = request::parse(black_box(text)).expect("an object");
        assert!(black_box(envelope).request.is_ok(), "a request");
    })
}

fn logged_in(granted: usize, denied: usize) -> Box<dyn FnMut()> {
    let catalogue = catalogue_file::built_in();
    let licences = ["inbound_agent", "agent_email", "agent_web_chat"];
    let licences = licences.map(|key| catalogue.find(key).expect("a type of the catalogue"));
    let exhausted =
        |licence| Denied { licence: DeniedName::Licence(licence), reason: DenialReason::Exhausted };
    let welcome = Welcome {
        session: SessionId(0x0192_8374_6574_8392_0192_8374_6574_8392),
        user: "agent-12345".into(),
        device: Device::AgentDesktop,
        granted: licences[..granted].iter().map(|one| (*one, GrantPool::Concurrent)).collect(),
        denied: licences[granted..][..denied].iter().copied().map(exhausted).collect(),
        waiting: Vec::new(),
        grace_s: 0,
    };
    let id = RequestId::Number(1);
    Box::new(move || {
        let resume_token = "0123456789abcdefghijklmnopqrstuv";
        let terms = SessionTerms { resume_token, heartbeat_s: 15 };
        black_box(Writer(&catalogue).logged_in(Some(&id), black_box(&welcome), terms));
    })
}

fn login_refused() -> Box<dyn FnMut()> {
    let catalogue = catalogue_file::built_in();
    let seat = catalogue.find("inbound_agent").expect("a type of the catalogue");
    let denied =
        vec![Denied { licence: DeniedName::Licence(seat), reason: DenialReason::Exhausted }];
    let id = RequestId::Number(1);
    Box::new(move || {
        let denied = black_box(&denied);
        black_box(Writer(&catalogue).login_refused(Some(&id), Refusal::SeatExhausted, denied));
    })
}
