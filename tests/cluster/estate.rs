//! The organisations of a test: contended pools for the devices, and free seats for newcomers.

use crate::caller::Caller;
use crate::floor::Floor;
use reqwest::Method;
use serde_json::{Value, json};

/// Agents of an organisation: less is bought than they want.
pub(crate) const AGENTS: usize = 18;
/// Users whose seats are always free: what a newcomer takes.
pub(crate) const NEWCOMERS: usize = 4;
/// Concurrent, contingency.
const BOUGHT: [(&str, usize, usize); 5] = [
    ("inbound_agent", 12, 2),
    ("agent_email", 7, 1),
    ("agent_sms", 6, 0),
    ("agent_calls", 4, 1),
    ("recording", 3, 0),
];
const FREE: &str = "supervisor";
const BASE: usize = 1_000;

/// Makes an organisation with its users, and tells the auditor what was bought.
pub(crate) async fn furnish(caller: &Caller, floor: &Floor, organisation: u64, zone: &str) {
    let name = format!("Organisation {organisation}");
    let body = json!({ "id": organisation, "name": name, "time_zone": zone });
    caller.send(Method::POST, "/v1/organisations", &body).await;
    let seats = [(FREE, AGENTS + NEWCOMERS, 0)];
    for (licence, concurrent, contingency) in BOUGHT.into_iter().chain(seats) {
        buy(caller, organisation, licence, concurrent, contingency).await;
        floor.auditor.bought(organisation, licence, concurrent + contingency);
    }
    let line = |user: String, user_type: &str, features: &[&str]| {
        let user = json!({ "user": user, "name": user, "status": "active", "user_type": user_type,
            "features": features });
        user.to_string()
    };
    let features = ["agent_email", "agent_sms", "agent_calls", "recording"];
    let agents = (0..AGENTS).map(|number| line(agent(number), "inbound_agent", &features));
    let newcomers = (0..NEWCOMERS).map(|number| line(newcomer(number), FREE, &[]));
    let lines: Vec<String> = agents.chain(newcomers).collect();
    let path = format!("/v1/organisations/{organisation}/users/import");
    let answer = caller.send(Method::POST, &path, &Value::String(lines.join("\n"))).await;
    assert_eq!(answer["accepted"], AGENTS + NEWCOMERS, "{answer}");
}

/// What was bought of one type.
pub(crate) async fn buy(
    caller: &Caller,
    organisation: u64,
    licence: &str,
    concurrent: usize,
    contingency: usize,
) {
    let is_based = matches!(licence, "inbound_agent" | FREE);
    let body = json!({ "base": if is_based { BASE } else { 0 }, "concurrent": concurrent,
        "contingency": contingency, "fixed": 0 });
    let path = format!("/v1/organisations/{organisation}/licences/{licence}");
    caller.send(Method::PUT, &path, &body).await;
}

/// The login name of an agent.
pub(crate) fn agent(number: usize) -> String {
    format!("agent-{number}")
}

/// The login name of a newcomer.
pub(crate) fn newcomer(number: usize) -> String {
    format!("newcomer-{number}")
}
