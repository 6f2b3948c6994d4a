//! Who works there, with which licences, and what was bought for them.

use licence_broker::domain::catalogue::Model;
use licence_broker::domain::event::Event;
use licence_broker::domain::ids::{LicenceId, UserName};
use licence_broker::domain::moment::Moment;
use licence_broker::domain::organisation::Organisation;
use licence_broker::domain::pool::Totals;
use licence_broker::domain::provisioning::{ProvisionUsers, UserChange, UserDraft};
use licence_broker::domain::purchases::{SetPrice, SetTotals};
use licence_broker::domain::reason::{Device, UserStatus};
use rust_decimal::Decimal;

/// A named user.
pub(super) struct Agent {
    pub(super) name: UserName,
    pub(super) user_type: &'static str,
    pub(super) features: Vec<&'static str>,
    /// The device beside the deskphone, if there is one.
    pub(super) screen: Option<Device>,
}

/// Of a hundred users, how many are of which type and at which device.
const TYPES: &[(u32, &str, Option<Device>)] = &[
    (70, "inbound_agent", Some(Device::AgentDesktop)),
    (14, "outbound_agent", Some(Device::AgentDesktop)),
    (6, "supervisor", Some(Device::AgentDesktop)),
    (2, "switchboard_operator", Some(Device::Switchboard)),
    (2, "uc_switchboard_operator", Some(Device::Switchboard)),
    (1, "supervisor_switchboard_operator", Some(Device::AgentDesktop)),
    (4, "uc_user", Some(Device::AgentDesktop)),
    (1, "meeting_room", None),
];

/// Of a hundred users, how many have which feature.
const FEATURES: &[(u32, &str)] = &[
    (97, "agent_calls"),
    (90, "agent_email"),
    (45, "agent_sms"),
    (85, "agent_web_chat"),
    (20, "agent_social_media"),
    (60, "recording"),
    (15, "conferencing"),
    (5, "user_voicemail"),
];

/// Of a hundred users with a type, for how many a concurrent and a contingency licence were bought: a
/// little less than the busiest days ask for.
const CONCURRENT_PERCENT: u32 = 73;
const CONTINGENCY_PERCENT: u32 = 5;

pub(super) fn name_of(agent: u32) -> String {
    format!("agent-{agent:04}")
}

pub(super) fn agents(count: u32) -> Vec<Agent> {
    (0..count).map(agent).collect()
}

/// Types and features by a number that has nothing to do with the order of the users.
fn agent(number: u32) -> Agent {
    let mut rank = number * 37 % 100;
    let of_rank = TYPES.iter().find(|(share, _, _)| {
        let is_it = rank < *share;
        rank = rank.saturating_sub(*share);
        is_it
    });
    let (_, user_type, screen) = of_rank.expect("the shares are a hundred together");
    let has = |(index, (percent, _)): &(u32, &(u32, &str))| {
        number.wrapping_mul(2_654_435_761).rotate_left(index * 5) % 100 < *percent
    };
    let features = (0..).zip(FEATURES).filter(has).map(|(_, (_, key))| *key).collect();
    Agent { name: name_of(number).into(), user_type, features, screen: *screen }
}

/// Buys, then creates everybody.
pub(super) fn provision(
    organisation: &mut Organisation,
    agents: &[Agent],
    now: Moment,
) -> Vec<Event> {
    let keys = TYPES.iter().map(|(_, key, _)| *key).chain(FEATURES.iter().map(|(_, key)| *key));
    let mut events = Vec::new();
    for key in keys {
        let with_it = agents
            .iter()
            .filter(|agent| agent.user_type == key || agent.features.contains(&key))
            .count();
        let licence = find(organisation, key);
        let totals = bought(organisation, key, u32::try_from(with_it).expect("few"));
        let buy = SetTotals { licence, totals, expected_version: None };
        events.extend(organisation.apply(buy, now).effects.events);
        let price = Some(Decimal::new(1_250, 2));
        let price = SetPrice { licence, price, expected_version: None };
        events.extend(organisation.apply(price, now).effects.events);
    }
    let draft = |agent: &Agent| UserDraft {
        user: agent.name.clone(),
        name: agent.name.clone(),
        status: UserStatus::Active,
        user_type: find(organisation, agent.user_type),
        features: agent.features.iter().map(|key| find(organisation, key)).collect(),
    };
    let changes = agents.iter().map(|agent| UserChange::Create(draft(agent))).collect();
    let decision = organisation.apply(ProvisionUsers { changes, atomic: true }, now);
    assert!(decision.effects.events.len() >= agents.len(), "enough was bought for everybody");
    events.extend(decision.effects.events);
    events
}

fn bought(organisation: &Organisation, key: &str, users: u32) -> Totals {
    let licence = organisation.catalogue().get(find(organisation, key));
    let part = |percent: u32| (users * percent).div_ceil(100);
    match licence.model {
        Model::FixedSeat => Totals { fixed: users, ..Totals::default() },
        Model::Concurrent | Model::Assigned => Totals {
            base: if licence.base { users } else { 0 },
            concurrent: part(CONCURRENT_PERCENT),
            contingency: part(CONTINGENCY_PERCENT),
            ..Totals::default()
        },
    }
}

fn find(organisation: &Organisation, key: &str) -> LicenceId {
    organisation.catalogue().find(key).expect("a type of the built-in catalogue")
}
