//! Baseline: a bare server and a broker take turns, each in a fresh process, under the same crowd.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::header::HeaderValue;

use crate::api::{Api, bearer};
use crate::baseline::crowd::{Answer, Plan};
use crate::baseline::echo_process::EchoProcess;
use crate::baseline::options::Baseline;
use crate::baseline::report::BaselineReport;
use crate::baseline::turn::{Server, Turn, source};
use crate::bounded::bounded;
use crate::broker_process::{BrokerProcess, Ending, until_ready};
use crate::limits::{TOKEN_MARGIN_S, raise_open_files};
use crate::population::{Device, Population};
use crate::progress::Progress;
use crate::provision::set_up;
use crate::results::Results;
use crate::target::Target;

/// As long as a token that a broker issues for a device.
const MADE_UP_TOKEN_CHARS: usize = 180;

/// A broker whose folder has an organisation with a token for everybody.
struct Prepared {
    broker: BrokerProcess,
    operator_token: String,
    organisation: u64,
}

/// Whether the run passed.
///
/// # Errors
///
/// Where it could not be set up, or its report not be written.
pub(crate) async fn run(options: &Baseline) -> Result<bool> {
    options.check()?;
    raise_open_files(options.connections)?;
    let progress = Progress::new(0);
    let mut turns = Vec::new();
    let ended = bounded(options.timeout(), act(options, &progress, &mut turns)).await;
    progress.finish();
    let bound = format_args!("--timeout-s {}", options.timeout_s);
    let cut_short = ended.cut_short(bound, !turns.is_empty())?;
    let Baseline { connections, at_once, workers, .. } = *options;
    let report = BaselineReport::new(connections, at_once, workers, turns, cut_short);
    let results = Results::of_baseline(&report)?;
    results.publish(&report, &report.to_string(), &options.output)?;
    Ok(report.passed)
}

async fn act(options: &Baseline, progress: &Progress, turns: &mut Vec<Turn>) -> Result<()> {
    let mut authorizations = made_up(options.connections)?;
    let mut prepared = None;
    if let Some(program) = &options.broker {
        let (ready, issued) = prepare(options, program).await.context("set-up")?;
        (prepared, authorizations) = (Some(ready), issued);
        progress.say("set up");
    }
    for number in 1..=options.turns {
        // Now one is first and now the other: a machine that gets slower is so for both.
        let is_bare_first = number % 2 == 1;
        if is_bare_first {
            turns.push(bare_turn(options, turns.len(), &authorizations).await?);
        }
        if let Some(prepared) = &mut prepared {
            turns.push(broker_turn(options, turns.len(), prepared, &authorizations).await?);
        }
        if !is_bare_first {
            turns.push(bare_turn(options, turns.len(), &authorizations).await?);
        }
        progress.say(&format!("turn {number} of {}", options.turns));
    }
    Ok(())
}

fn made_up(connections: usize) -> Result<Vec<HeaderValue>> {
    let one = bearer(&"x".repeat(MADE_UP_TOKEN_CHARS))?;
    Ok(vec![one; connections])
}

/// Everything that a turn needs and must not pay for: each turn begins with these data, and a fresh process.
async fn prepare(options: &Baseline, program: &Path) -> Result<(Prepared, Vec<HeaderValue>)> {
    let mut broker = BrokerProcess::new(program, free_address()?)?;
    broker.workers = Some(options.workers);
    let life = options.timeout() + Duration::from_secs(TOKEN_MARGIN_S);
    let operator_token = broker.operator_token(life).await?;
    broker.start()?;
    let target = target(broker.listen).await?;
    let api = Api::new(&target, &operator_token)?;
    until_ready(&api).await?;
    let devices = [Device::AgentDesktop];
    let population = Population::of(&options.tenancy(), options.connections, &devices);
    let ready = set_up(&api, &population, life, &mut Vec::new()).await?;
    let first = ready.into_iter().next().context("no organisation was set up")?;
    broker.end(Ending::Terminate).await?;
    broker.keep_data()?;
    let authorizations = first.agents.into_iter().map(|(_, authorization)| authorization).collect();
    Ok((Prepared { broker, operator_token, organisation: first.number }, authorizations))
}

async fn bare_turn(
    options: &Baseline,
    number: usize,
    authorizations: &[HeaderValue],
) -> Result<Turn> {
    let echo = EchoProcess::start(options.workers).await?;
    let organisation = options.tenancy().first_organisation;
    let plan = Plan {
        target: target(echo.address).await?,
        organisation,
        authorizations: authorizations.to_vec(),
        source: source(number),
        at_once: options.at_once,
        answer: Answer::Echo,
    };
    Turn::play(Server::Bare, echo.id()?, plan).await
}

async fn broker_turn(
    options: &Baseline,
    number: usize,
    prepared: &mut Prepared,
    authorizations: &[HeaderValue],
) -> Result<Turn> {
    let Prepared { broker, operator_token, organisation } = prepared;
    broker.restore_data()?;
    broker.start()?;
    let process = broker.id()?;
    let plan = Plan {
        target: target(broker.listen).await?,
        organisation: *organisation,
        authorizations: authorizations.to_vec(),
        source: source(number),
        at_once: options.at_once,
        answer: Answer::Welcome,
    };
    until_ready(&Api::new(&plan.target, operator_token)?).await?;
    let turn = Turn::play(Server::Broker, process, plan).await?;
    broker.end(Ending::Terminate).await?;
    Ok(turn)
}

async fn target(address: SocketAddr) -> Result<Target> {
    Target::resolve(&format!("http://{address}")).await
}

/// A port of loopback that nobody listens on.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    listener.local_addr().context("no port is free")
}
