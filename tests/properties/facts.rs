//! The part of the catalogue (SPEC §3) that the commands are made of, written down a second time.

use licence_broker::domain::catalogue::Catalogue;
use licence_broker::domain::ids::LicenceId;
use licence_broker::domain::reason::Device::{self, AgentDesktop, Deskphone, Switchboard};

pub(crate) struct Fact {
    pub(crate) licence: LicenceId,
    pub(crate) key: &'static str,
    pub(crate) is_seat: bool,
    pub(crate) is_fixed: bool,
    /// Needs a base licence.
    pub(crate) is_based: bool,
    pub(crate) is_channel: bool,
    pub(crate) devices: &'static [Device],
}

#[derive(Clone, Copy, PartialEq)]
enum Sort {
    Seat,
    FixedSeat,
    Channel,
    Feature,
    FixedFeature,
}

const ON_ALL: &[Device] = &[Switchboard, Deskphone, AgentDesktop];
const SPEC: &[(&str, Sort, &[Device])] = &[
    ("uc_user", Sort::FixedSeat, &[AgentDesktop, Deskphone]),
    ("inbound_agent", Sort::Seat, &[AgentDesktop, Deskphone]),
    ("supervisor_switchboard_operator", Sort::Seat, ON_ALL),
    ("administrator", Sort::FixedSeat, &[]),
    ("agent_calls", Sort::Channel, &[Deskphone, Switchboard]),
    ("agent_email", Sort::Channel, &[AgentDesktop]),
    ("agent_sms", Sort::Channel, &[AgentDesktop]),
    ("recording", Sort::Feature, &[Deskphone, Switchboard]),
    ("conferencing", Sort::Feature, &[Deskphone, Switchboard]),
    ("user_voicemail", Sort::FixedFeature, &[Deskphone]),
    ("padlock", Sort::FixedFeature, &[AgentDesktop]),
];

/// In catalogue order.
pub(crate) fn facts(catalogue: &Catalogue) -> Vec<Fact> {
    let fact = |(key, sort, devices): &(&'static str, Sort, &'static [Device])| Fact {
        licence: catalogue.find(key).expect("a type of the built-in catalogue"),
        key,
        is_seat: matches!(sort, Sort::Seat | Sort::FixedSeat),
        is_fixed: matches!(sort, Sort::FixedSeat | Sort::FixedFeature),
        is_based: *sort == Sort::Seat,
        is_channel: *sort == Sort::Channel,
        devices,
    };
    SPEC.iter().map(fact).collect()
}
