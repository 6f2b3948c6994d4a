//! The made-up organisation: what it bought, and whom it employs.

use super::{DemoError, ORGANISATION, organisation_id};
use crate::actor::directory::AskError;
use crate::broker::Broker;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::{LicenceId, LicenceSet};
use crate::domain::organisation::Settings;
use crate::domain::pool::Totals;
use crate::domain::provisioning::{ProvisionUsers, UserChange, UserDraft};
use crate::domain::purchases::SetTotals;
use crate::domain::reason::UserStatus;
use chrono_tz::Tz;
use std::sync::Arc;

/// People for the page's agent desk; the made-up agents leave them alone.
const PEOPLE: &[(&str, &str, &str, &[&str])] = &[
    ("edred", "Edred Ashdown", "inbound_agent", &["agent_calls", "agent_email"]),
    (
        "maeve",
        "Maeve Ó Briain",
        "inbound_agent",
        &["agent_calls", "agent_email", "agent_sms", "agent_web_chat", "recording"],
    ),
    (
        "haruka",
        "佐藤 遥",
        "inbound_agent",
        &["agent_email", "agent_web_chat", "agent_social_media"],
    ),
    ("yusuf", "يوسف حداد", "outbound_agent", &["agent_calls", "agent_sms", "recording"]),
    ("ingrid", "Ingrid Sæther", "supervisor", &["agent_calls", "agent_email", "conferencing"]),
    ("tomas", "Tomáš Dvořák", "switchboard_operator", &["agent_calls", "recording"]),
    ("lobby", "Lobby telephone", "meeting_room", &["user_voicemail"]),
];

/// What is bought: type, concurrent, contingency, fixed. Scarce enough for denials to be seen.
fn bought(agents: u32) -> Vec<(&'static str, u32, u32, u32)> {
    let share = |percent: u32| (agents * percent / 100).max(2);
    vec![
        ("inbound_agent", share(70), share(10), 0),
        ("outbound_agent", 5, 1, 0),
        ("supervisor", 5, 1, 0),
        ("switchboard_operator", 2, 0, 0),
        ("meeting_room", 0, 0, 3),
        ("agent_calls", share(15), share(4), 0),
        ("agent_email", share(22), share(5), 0),
        ("agent_sms", share(18), share(4), 0),
        ("agent_web_chat", share(20), share(5), 0),
        ("agent_social_media", share(15), 0, 0),
        ("recording", share(10), 0, 0),
        ("conferencing", 4, 0, 0),
        ("user_voicemail", 0, 0, 5),
    ]
}

/// The login name of a made-up agent.
pub(super) fn agent_name(number: usize) -> String {
    format!("agent-{number:03}")
}

/// Base licences beyond the agents: for whomever a visitor adds.
const SPARE: u32 = 20;

/// Creates the organisation with everything in it.
pub(super) async fn set_up(broker: &Broker, agents: usize) -> Result<(), DemoError> {
    let failed = |what: &str, error: AskError| DemoError::Organisation(format!("{what}: {error}"));
    let settings = Settings {
        id: organisation_id(),
        name: Arc::from("Harbour Lights Contact Centre"),
        time_zone: Tz::Europe__London,
        max_grace_s: 60,
        scheduled_log_off: None,
        created_at: broker.clock.now().at,
        version: 1,
    };
    broker.directory.create(None, settings).await.map_err(|error| failed("create", error))?;
    let count = u32::try_from(agents).unwrap_or(u32::MAX);
    for (key, concurrent, contingency, fixed) in bought(count.min(10_000)) {
        let licence = find(&broker.catalogue, key)?;
        let base = if broker.catalogue.get(licence).base { count.saturating_add(SPARE) } else { 0 };
        let totals = Totals { base, concurrent, contingency, fixed };
        let command = SetTotals { licence, totals, expected_version: None };
        let set = broker.directory.ask(organisation_id(), command).await;
        set.map_err(|error| failed(key, error))?
            .map_err(|refusal| DemoError::Organisation(format!("{key}: {refusal:?}")))?;
    }
    let changes = users(&broker.catalogue, agents)?;
    let provision = ProvisionUsers { changes, atomic: true };
    let results = broker.directory.ask(organisation_id(), provision).await;
    let results = results.map_err(|error| failed("users", error))?;
    match results.into_iter().find_map(Result::err) {
        Some(refusal) => Err(DemoError::Organisation(format!("users: {refusal:?}"))),
        None => Ok(()),
    }
}

fn users(catalogue: &Catalogue, agents: usize) -> Result<Vec<UserChange>, DemoError> {
    let mut changes = Vec::with_capacity(PEOPLE.len() + agents);
    for (user, name, user_type, features) in PEOPLE {
        changes.push(draft(catalogue, user, name, user_type, features)?);
    }
    let features =
        ["agent_calls", "agent_email", "agent_sms", "agent_web_chat", "agent_social_media"];
    for number in 1..=agents {
        // Each has two neighbouring channels, and every third one records calls.
        let first = number % features.len();
        let mut own = vec![features[first], features[(first + 1) % features.len()]];
        if number.is_multiple_of(3) {
            own.push("recording");
        }
        let name = format!("Agent {number}");
        changes.push(draft(catalogue, &agent_name(number), &name, "inbound_agent", &own)?);
    }
    Ok(changes)
}

fn draft(
    catalogue: &Catalogue,
    user: &str,
    name: &str,
    user_type: &str,
    features: &[&str],
) -> Result<UserChange, DemoError> {
    let features: Result<LicenceSet, DemoError> =
        features.iter().map(|key| find(catalogue, key)).collect();
    Ok(UserChange::Create(UserDraft {
        user: Arc::from(user),
        name: Arc::from(name),
        status: UserStatus::Active,
        user_type: find(catalogue, user_type)?,
        features: features?,
    }))
}

fn find(catalogue: &Catalogue, key: &str) -> Result<LicenceId, DemoError> {
    let missing = || DemoError::Organisation(format!("{ORGANISATION}: no licence type `{key}`"));
    catalogue.find(key).ok_or_else(missing)
}
