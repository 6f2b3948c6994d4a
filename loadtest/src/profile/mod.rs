//! The kinds of load test, a file for each.

mod balance;
pub(crate) mod baseline;
pub(crate) mod churn;
pub(crate) mod day;
pub(crate) mod exports;
pub(crate) mod mass_login;
pub(crate) mod reconnect_storm;
pub(crate) mod storm_beside;
pub(crate) mod wallboards;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use hyper::header::HeaderValue;

use crate::audit::{Auditor, Bought};
use crate::broker_process::BrokerProcess;
use crate::cli::TargetArgs;
use crate::conversation::Caller;
use crate::limits::{TOKEN_MARGIN_S, raise_open_files};
use crate::net::SourceAddresses;
use crate::provision::{Ready, in_turn};
use crate::target::Target;

/// Where a run takes place: the broker, and the way there.
struct Venue {
    target: Target,
    sources: SourceAddresses,
    /// The one that the run starts, if it does.
    broker: Option<BrokerProcess>,
    /// The broker's process, if it is known.
    process: Option<u32>,
    operator_token: String,
}

impl Venue {
    /// For so many connections and so long; starts the program, if there is one, as the broker.
    async fn open(
        args: &TargetArgs,
        program: Option<&Path>,
        connections: usize,
        life: Duration,
    ) -> Result<Self> {
        raise_open_files(connections)?;
        let target = Target::resolve(&args.url).await?.asking(args.ask_endpoint);
        let sources = SourceAddresses::choose(target.address, args.source_addresses, connections)?;
        let Some(program) = program else {
            let (operator_token, broker) = (args.operator_token()?, None);
            let process = args.broker_process(target.address);
            return Ok(Self { target, sources, broker, process, operator_token });
        };
        let mut broker = BrokerProcess::new(program, target.address)?;
        let life = life.saturating_add(Duration::from_secs(TOKEN_MARGIN_S));
        let operator_token = broker.operator_token(life).await?;
        broker.start()?;
        let (process, broker) = (broker.id().ok(), Some(broker));
        Ok(Self { target, sources, broker, process, operator_token })
    }
}

/// Organisations take turns. `before` connections have their source address already; `grace_s` is asked for
/// by each agent's place.
fn callers(
    organisations: &[Ready],
    sources: &SourceAddresses,
    before: usize,
    grace_s: impl Fn(usize) -> u64,
) -> Vec<Caller> {
    let agents = in_turn(organisations).enumerate();
    let caller =
        |(index, (organisation, user, authorization)): (usize, (&Ready, &Arc<str>, _))| Caller {
            organisation: organisation.number,
            user: Arc::clone(user),
            authorization: HeaderValue::clone(authorization),
            source: sources.of(before + index),
            grace_s: grace_s(index),
        };
    agents.map(caller).collect()
}

/// Tells the auditor what there is of each type.
fn note_bought(audit: &mut Auditor, organisations: &[Ready]) {
    for organisation in organisations {
        for row in &organisation.licences {
            let bought = row.holders_max().map_or(Bought::Uncounted, Bought::Holders);
            audit.bought(organisation.number, &row.licence, bought);
        }
    }
}
