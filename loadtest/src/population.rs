//! Who logs in: organisations, agents, devices, and what is bought for them.

use clap::ValueEnum;

use crate::cli::TenancyArgs;

/// The scarcer channel of the desktop, which makes some logins partial.
const WEB_CHAT: &str = "agent_web_chat";

/// The interface logged in on, by its name in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Device {
    AgentDesktop,
    Deskphone,
    Switchboard,
}

impl Device {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AgentDesktop => "agent_desktop",
            Self::Deskphone => "deskphone",
            Self::Switchboard => "switchboard",
        }
    }

    /// The channels that a login on it acquires.
    pub(crate) fn channels(self) -> &'static [&'static str] {
        match self {
            Self::AgentDesktop => &["agent_email", WEB_CHAT],
            Self::Deskphone | Self::Switchboard => &["agent_calls"],
        }
    }
}

/// One organisation of the run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Organisation {
    pub(crate) number: u64,
    pub(crate) agents: usize,
    pub(crate) purchases: Vec<Purchase>,
}

/// What is bought of one licence type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Purchase {
    pub(crate) licence: &'static str,
    pub(crate) base: u64,
    pub(crate) concurrent: u64,
    pub(crate) contingency: u64,
}

/// All organisations, and what their agents have in common.
#[derive(Debug)]
pub(crate) struct Population {
    pub(crate) organisations: Vec<Organisation>,
    pub(crate) user_type: &'static str,
    pub(crate) features: Vec<&'static str>,
}

impl Population {
    /// So many agents, each of whom may be on any of these devices.
    pub(crate) fn of(tenancy: &TenancyArgs, agents: usize, devices: &[Device]) -> Self {
        let user_type = user_type(devices);
        let features = features(devices);
        let numbers = (tenancy.first_organisation..).take(tenancy.organisations);
        let organisations = numbers
            .enumerate()
            .map(|(index, number)| {
                let agents = share(agents, tenancy.organisations, index);
                let purchases = purchases(tenancy, agents, user_type, &features);
                Organisation { number, agents, purchases }
            })
            .collect();
        Self { organisations, user_type, features }
    }
}

/// Login name of an organisation's agent.
pub(crate) fn user_name(index: usize) -> String {
    format!("agent-{index:05}")
}

/// A seat that every one of the devices acquires.
fn user_type(devices: &[Device]) -> &'static str {
    if devices.contains(&Device::Switchboard) {
        "supervisor_switchboard_operator"
    } else {
        "inbound_agent"
    }
}

fn features(devices: &[Device]) -> Vec<&'static str> {
    let mut features: Vec<_> = devices.iter().flat_map(|d| d.channels()).copied().collect();
    features.sort_unstable();
    features.dedup();
    features
}

/// Agents of the organisation at `index`, when they are dealt out in turn.
fn share(agents: usize, organisations: usize, index: usize) -> usize {
    agents / organisations + usize::from(index < agents % organisations)
}

fn purchases(
    tenancy: &TenancyArgs,
    agents: usize,
    user_type: &'static str,
    features: &[&'static str],
) -> Vec<Purchase> {
    let named = u64::try_from(agents).unwrap_or(u64::MAX);
    let percent = |of: u64| named.saturating_mul(of) / 100;
    let contingency = tenancy.contingency.unwrap_or_else(|| percent(10));
    let seats = tenancy.seats.unwrap_or_else(|| percent(70));
    let web_chat = tenancy.web_chat_seats.or(tenancy.seats).unwrap_or_else(|| percent(50));
    let seat = Purchase { licence: user_type, base: named, concurrent: seats, contingency };
    let channel = |&licence: &&'static str| Purchase {
        licence,
        base: 0,
        concurrent: if licence == WEB_CHAT { web_chat } else { seats },
        contingency,
    };
    std::iter::once(seat).chain(features.iter().map(channel)).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Profile};

    fn population(line: &str) -> Population {
        let words = ["loadtest", "mass-login"].into_iter().chain(line.split_whitespace());
        let parsed = Cli::try_parse_from(words).expect("it parses").profile;
        let Profile::MassLogin(options) = parsed else { panic!("another profile") };
        Population::of(&options.tenancy, options.agents, &options.devices)
    }

    fn bought(organisation: &Organisation) -> Vec<(&str, u64, u64, u64)> {
        let row = |p: &Purchase| (p.licence, p.base, p.concurrent, p.contingency);
        organisation.purchases.iter().map(row).collect()
    }

    #[test]
    fn agents_are_dealt_out_and_organisations_numbered_from_the_first() {
        let dealt = population("--agents 8 --organisations 3 --first-organisation 40");
        let pairs: Vec<_> = dealt.organisations.iter().map(|o| (o.number, o.agents)).collect();
        assert_eq!(pairs, [(40, 3), (41, 3), (42, 2)]);
    }

    #[test]
    fn by_default_there_is_enough_for_80_percent_and_web_chat_for_60() {
        let default = population("--agents 100");
        assert_eq!(
            bought(&default.organisations[0]),
            [
                ("inbound_agent", 100, 70, 10),
                ("agent_email", 0, 70, 10),
                ("agent_web_chat", 0, 50, 10)
            ]
        );
    }

    #[test]
    fn seats_given_are_seats_of_everything() {
        let given = population("--agents 100 --seats 30 --contingency 0");
        assert!(bought(&given.organisations[0]).iter().all(|row| (row.2, row.3) == (30, 0)));
    }

    #[test]
    fn a_switchboard_needs_a_user_type_that_all_devices_acquire() {
        let mixed = population("--devices agent_desktop,deskphone,switchboard");
        assert_eq!(mixed.user_type, "supervisor_switchboard_operator");
        assert_eq!(mixed.features, ["agent_calls", "agent_email", "agent_web_chat"]);
    }
}
