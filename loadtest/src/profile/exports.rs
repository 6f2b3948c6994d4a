//! Exports: everybody logs in, beside a report that is exported and without.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::note_bought;
use crate::api::Api;
use crate::bounded::bounded;
use crate::broker_process::{BrokerProcess, Ending, until_ready};
use crate::cli::{Exports, Leave};
use crate::exports::report::ExportsReport;
use crate::limits::{TOKEN_MARGIN_S, raise_open_files};
use crate::population::{Device, Population};
use crate::provision::set_up;
use crate::run::Run;
use crate::target::Target;
use crate::wallboards::turn::{Stage, Turn};

/// Whether the run passed.
///
/// # Errors
///
/// Where it could not be set up, or its report not be written.
pub(crate) async fn run(options: &Exports) -> Result<bool> {
    options.check()?;
    raise_open_files(options.logins.agents + options.clients)?;
    let target = Target::resolve(&options.url).await?;
    let mut played = Vec::new();
    let ended = bounded(options.logins.timeout(), act(options, &target, &mut played)).await;
    let bound = format_args!("--timeout-s {}", options.logins.timeout_s);
    let cut_short = ended.cut_short(bound, !played.is_empty())?;
    let mut report = ExportsReport::new(options, &played)?;
    if let Some(why) = cut_short {
        report.fail(why);
    }
    report.results(options).publish(&report, &report.to_string(), &options.output)?;
    Ok(report.passed)
}

async fn act(options: &Exports, target: &Target, played: &mut Vec<Turn>) -> Result<()> {
    for exports in options.turns() {
        let life = options.logins.timeout() + Duration::from_secs(TOKEN_MARGIN_S);
        let mut broker = BrokerProcess::new(&options.broker, target.address)?;
        broker.bring(&options.store)?;
        let token = broker.operator_token(life).await?;
        broker.start()?;
        let turn = play(options, target, &token, broker.id()?, exports, life).await;
        broker.end(Ending::Kill).await?;
        played.push(turn?);
    }
    Ok(())
}

async fn play(
    options: &Exports,
    target: &Target,
    token: &str,
    broker: u32,
    exports: bool,
    life: Duration,
) -> Result<Turn> {
    let api = Api::new(target, token)?;
    until_ready(&api).await?;
    let population = Population::of(
        &options.logins.tenancy(None),
        options.logins.agents,
        &[Device::AgentDesktop],
    );
    let organisations = set_up(&api, &population, life, &mut Vec::new()).await.context("set-up")?;
    let organisation = organisations.first().context("set-up: no organisation")?;
    let login_timeout = options.logins.login_timeout();
    let run = Arc::new(Run::new(target.clone(), login_timeout, Leave::Logout)?);
    note_bought(&mut run.audit(), &organisations);
    let (rows, mut clients) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
    for _ in 0..if exports { options.clients } else { 0 } {
        clients.spawn(export(target.clone(), token.to_owned(), options.of, Arc::clone(&rows)));
    }
    let (arrival, seed) = (options.logins.arrival(), options.logins.seed);
    let (broker, rows) = (Some(broker), exports.then_some(&*rows));
    let stage = Stage { run: &run, organisation, arrival, seed, boards_timeout_s: 0, broker, rows };
    let mut turn = stage.play(&[]).await?;
    if let Some(Ok(Err(error))) = clients.try_join_next() {
        turn.failures.push(format!("{error:#}"));
    }
    Ok(turn)
}

/// Exports the log again and again; ends by an error alone.
async fn export(target: Target, token: String, of: u64, rows: Arc<AtomicU64>) -> Result<()> {
    let api = Api::new(&target, &token)?;
    let path = format!("/v1/organisations/{of}/licence-usage?format=csv");
    loop {
        api.count_lines(&path, &rows).await?;
    }
}
