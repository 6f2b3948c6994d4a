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

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

use crate::audit::{Auditor, Bought};
use crate::broker_process::BrokerProcess;
use crate::cli::TargetArgs;
use crate::limits::TOKEN_MARGIN_S;
use crate::provision::Ready;

/// Of the broker that the run starts, for so long and a little, or of the one that is there.
async fn operator_token(
    target: &TargetArgs,
    broker: Option<&mut BrokerProcess>,
    life: Duration,
) -> Result<String> {
    let Some(broker) = broker else { return target.operator_token() };
    let token = broker.operator_token(life + Duration::from_secs(TOKEN_MARGIN_S)).await?;
    broker.start()?;
    Ok(token)
}

/// The process of the broker that the run starts, or of the one that is there, if it is known.
fn broker_process(
    target: &TargetArgs,
    broker: Option<&BrokerProcess>,
    address: SocketAddr,
) -> Option<u32> {
    broker.and_then(|broker| broker.id().ok()).or_else(|| target.broker_process(address))
}

/// Tells the auditor what there is of each type.
fn note_bought(audit: &mut Auditor, organisations: &[Ready]) {
    for organisation in organisations {
        for row in &organisation.licences {
            let bought = if row.is_concurrent() {
                Bought::Holders(row.concurrent.total + row.contingency.total)
            } else {
                Bought::Uncounted
            };
            audit.bought(organisation.number, &row.licence, bought);
        }
    }
}
