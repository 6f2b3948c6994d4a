//! Wallboards: they follow the counts of an organisation while everybody logs in to it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::note_bought;
use crate::api::{Api, TokenWanted, bearer};
use crate::bounded::bounded;
use crate::broker_process::{BrokerProcess, Ending, until_ready};
use crate::cli::{Leave, Wallboards};
use crate::limits::{TOKEN_MARGIN_S, raise_open_files};
use crate::population::{Device, Population};
use crate::provision::{set_up, tear_down};
use crate::run::Run;
use crate::target::Target;
use crate::wallboards::board::Board;
use crate::wallboards::floor;
use crate::wallboards::report::BoardsReport;
use crate::wallboards::turn::{Stage, Turn};

/// Whether the run passed.
///
/// # Errors
///
/// Where it could not be set up, or its report not be written.
pub(crate) async fn run(options: &Wallboards) -> Result<bool> {
    options.check()?;
    // The bare loop has both ends of its sockets here.
    raise_open_files(options.logins.agents + 3 * options.boards)?;
    let target =
        Arc::new(Target::resolve(&options.target.url).await?.asking(options.target.ask_endpoint));
    let mut turns = Vec::new();
    let ended = bounded(options.logins.timeout(), act(options, &target, &mut turns)).await;
    let bound = format_args!("--timeout-s {}", options.logins.timeout_s);
    let cut_short = ended.cut_short(bound, !turns.is_empty())?;
    let mut report = BoardsReport::new(options, &turns)?;
    if let Some(why) = cut_short {
        report.fail(why);
    }
    let results = report.results(options);
    results.publish(&report, &report.to_string(), &options.output)?;
    Ok(report.passed)
}

async fn act(options: &Wallboards, target: &Arc<Target>, turns: &mut Vec<Turn>) -> Result<()> {
    for boards in options.turns() {
        let mut turn = play(options, target, boards).await?;
        if options.broker.is_some()
            && let Some(bytes) = turn.bytes.checked_div(turn.frames)
        {
            turn.bare_write = Some(floor::per_write(boards, usize::try_from(bytes)?).await?);
        }
        turns.push(turn);
    }
    Ok(())
}

/// One turn, on a broker of its own where the run starts it.
async fn play(options: &Wallboards, target: &Arc<Target>, boards: usize) -> Result<Turn> {
    let life = options.logins.timeout() + Duration::from_secs(TOKEN_MARGIN_S);
    let program = options.broker.as_deref();
    let mut broker = program.map(|path| BrokerProcess::new(path, target.address)).transpose()?;
    let token = match broker.as_mut() {
        None => options.target.operator_token()?,
        Some(broker) => {
            let token = broker.operator_token(life).await?;
            broker.start()?;
            token
        }
    };
    let api = Api::new(target, &token)?;
    until_ready(&api).await?;
    let mut created = Vec::new();
    let id = broker.as_ref().map(BrokerProcess::id).transpose()?;
    let played = play_on(options, target, &api, id, boards, life, &mut created).await;
    if let Some(mut broker) = broker {
        broker.end(Ending::Kill).await?;
        return played;
    }
    let problems = tear_down(&api, &created).await;
    let mut turn = played?;
    turn.failures.extend(problems);
    Ok(turn)
}

async fn play_on(
    options: &Wallboards,
    target: &Arc<Target>,
    api: &Api<'_>,
    broker: Option<u32>,
    boards: usize,
    life: Duration,
    created: &mut Vec<u64>,
) -> Result<Turn> {
    let population =
        Population::of(&options.tenancy(), options.logins.agents, &[Device::AgentDesktop]);
    let organisations = set_up(api, &population, life, created).await.context("set-up")?;
    let organisation = organisations.first().context("set-up: no organisation")?;
    let org = organisation.number;
    let wanted =
        TokenWanted { sub: "load-test-board", org, role: "wallboard", ttl_s: life.as_secs() };
    let issued = api.issue_tokens(&[wanted]).await?;
    let issued = issued.first().context("POST /v1/tokens: none came for a wallboard")?;
    let board_token = bearer(&issued.token)?;
    let login_timeout = options.logins.login_timeout();
    let run = Arc::new(Run::new(Target::clone(target), login_timeout, Leave::Logout)?);
    note_bought(&mut run.audit(), &organisations);
    let boards: Vec<_> =
        (0..boards).map(|_| Board::new(target, organisation.number, &board_token)).collect();
    let (arrival, seed) = (options.logins.arrival(), options.logins.seed);
    let boards_timeout_s = options.boards_timeout_s;
    let rows = None;
    let stage = Stage { run: &run, organisation, arrival, seed, boards_timeout_s, broker, rows };
    stage.play(&boards).await
}
