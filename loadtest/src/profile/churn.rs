//! Churn: agents come and go in every way for minutes on end, and the broker must not grow by it.

use std::fmt::Write;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::header::HeaderValue;
use tokio::select;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};

use super::{Venue, note_bought};
use crate::api::{Api, TokenWanted, bearer};
use crate::audit::Verdict;
use crate::churn::Shared;
use crate::churn::agent::{self, Slot};
use crate::churn::board;
use crate::churn::ledger::Ledger;
use crate::churn::options::Churn;
use crate::churn::sample::{self, Figures, Sample};
use crate::churn::verdict::{Course, is_idle};
use crate::limits::{CHURN_LEAVE_WAIT, RELEASE_POLL, TOKEN_MARGIN_S};
use crate::net::SourceAddresses;
use crate::population::{Device, Population};
use crate::progress::Progress;
use crate::provision::{Ready, set_up, tear_down, until_released};
use crate::report::Percentiles;
use crate::results::Results;
use crate::results::of_churn::Found;
use crate::run::stop_signal;
use crate::sampler::Sampler;

/// Agents are on one of these, in turn.
const DEVICES: [Device; 2] = [Device::AgentDesktop, Device::Deskphone];

/// What came out of a run.
struct Outcome {
    course: Option<Course>,
    failures: Vec<String>,
    records: usize,
}

/// Whether the run passed.
///
/// # Errors
///
/// Where it could not be set up, or its report not be written.
pub(crate) async fn run(options: &Churn) -> Result<bool> {
    options.check()?;
    let sockets = options.agents * 2 + options.boards * options.tenancy.organisations;
    let venue = Venue::open(&options.target, None, sockets, options.length()).await?;
    let Venue { target, sources, process, operator_token, .. } = venue;
    let shared = Arc::new(Shared::new(target, options.pause())?);
    let api = Api::new(&shared.target, &operator_token)?;

    let mut created = Vec::new();
    let counting = Arc::clone(&shared);
    let sampler = Sampler::start(process, move || counting.so_far());
    let played = play(options, &sources, &shared, &api, &sampler, &mut created).await;
    let samples = sampler.finish(shared.so_far());
    let mut remains = Vec::new();
    if !options.tenancy.keep {
        remains = tear_down(&api, &created).await;
    }
    let mut outcome = played?;
    outcome.failures.extend(remains);
    let audit = shared.audit().verdict();
    outcome.failures.extend(audit.violations.iter().map(ToString::to_string));
    if audit.saw_nothing() {
        outcome.failures.push("the audit saw nothing".to_owned());
    }
    let table = table(options, &shared, &audit, &outcome)?;
    let Outcome { course, failures, records } = outcome;
    let found = Found { course, failures, records, audit };
    let results = Results::of_churn(options, &shared, found, &samples);
    results.publish(&serde_json::Map::new(), &table, &options.output)?;
    Ok(results.passed)
}

async fn play(
    options: &Churn,
    sources: &SourceAddresses,
    shared: &Arc<Shared>,
    api: &Api<'_>,
    sampler: &Sampler,
    created: &mut Vec<u64>,
) -> Result<Outcome> {
    let progress = Progress::new(0);
    let ttl = options.length() + Duration::from_secs(TOKEN_MARGIN_S);
    let population = Population::of(&options.tenancy, options.agents, &DEVICES);
    let organisations = set_up(api, &population, ttl, created).await.context("set-up")?;
    note_bought(&mut shared.audit(), &organisations);
    let boards = board_tokens(api, created, ttl).await?;
    let before = sample::read(&api.metrics().await?)?;
    progress.say("set up");
    sampler.begin();

    let (leave, leaving) = watch::channel(false);
    let mut actors = JoinSet::new();
    for slot in slots(options, sources, &organisations) {
        actors.spawn(agent::live(slot, Arc::clone(shared), leaving.clone()));
    }
    hang_boards(options, shared, &boards, &leaving, &mut actors);
    let (samples, mut failures) = watch_it(options, api, &progress).await;
    leave.send_replace(true);
    progress.say("everybody leaves");
    failures.extend(all_gone(&mut actors).await);
    let after = until_idle(options, api, &before).await?;
    failures.extend(audit_what_remains(options, api, created, shared).await?);
    let (records, unbalanced) = balance(api, created).await?;
    failures.extend(unbalanced);
    let course = Course::of(before, &samples, options.length(), after);
    match &course {
        Some(course) => failures.extend(course.growth(options)),
        None => failures.push("too few samples to compare".to_owned()),
    }
    Ok(Outcome { course, failures, records })
}

fn hang_boards(
    options: &Churn,
    shared: &Arc<Shared>,
    boards: &[(u64, HeaderValue)],
    leaving: &watch::Receiver<bool>,
    actors: &mut JoinSet<()>,
) {
    for (organisation, authorization) in boards {
        for number in (0_u64..).take(options.boards) {
            let seed = options.seed ^ (organisation << 16) ^ number;
            let (shared, leaving) = (Arc::clone(shared), leaving.clone());
            let authorization = authorization.clone();
            actors.spawn(board::live(*organisation, authorization, seed, shared, leaving));
        }
    }
}

async fn board_tokens(
    api: &Api<'_>,
    organisations: &[u64],
    ttl: Duration,
) -> Result<Vec<(u64, HeaderValue)>> {
    let mut boards = Vec::with_capacity(organisations.len());
    for &org in organisations {
        let wanted =
            TokenWanted { sub: "load-test-board", org, role: "wallboard", ttl_s: ttl.as_secs() };
        let issued = api.issue_tokens(&[wanted]).await?;
        let first = issued.first().context("POST /v1/tokens: none came for a wallboard")?;
        boards.push((org, bearer(&first.token)?));
    }
    Ok(boards)
}

fn slots(
    options: &Churn,
    sources: &SourceAddresses,
    organisations: &[Ready],
) -> impl Iterator<Item = Slot> {
    let agents = organisations.iter().flat_map(|organisation| {
        organisation.agents.iter().map(|(user, token)| (organisation.number, user, token))
    });
    let devices = DEVICES.into_iter().cycle();
    agents.zip(devices).zip(0..).map(|(((organisation, user, token), device), index)| Slot {
        organisation,
        user: Arc::clone(user),
        authorization: token.clone(),
        device,
        source: sources.of(usize::try_from(index).unwrap_or_default()),
        seed: options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index,
    })
}

/// Looks at the broker's figures until time is over or a signal asks to stop; what went wrong, in words.
async fn watch_it(
    options: &Churn,
    api: &Api<'_>,
    progress: &Progress,
) -> (Vec<Sample>, Vec<String>) {
    let (start, mut samples, mut failures) = (Instant::now(), Vec::new(), Vec::new());
    let mut ticks = interval(options.sample_every());
    let mut stop = pin!(stop_signal());
    while start.elapsed() < options.length() {
        select! {
            () = &mut stop => {
                failures.push("interrupted".to_owned());
                break;
            }
            _ = ticks.tick() => match api.metrics().await.and_then(|page| sample::read(&page)) {
                Ok(figures) => samples.push(Sample { at: start.elapsed(), figures }),
                Err(error) => failures.push(format!("{error:#}")),
            }
        }
        if samples.len() % 60 == 1 {
            progress.say(&format!("{:.0} s of churn", start.elapsed().as_secs_f64()));
        }
    }
    (samples, failures)
}

/// Waits for every agent to end; each ends with the life that it is in.
async fn all_gone(actors: &mut JoinSet<()>) -> Vec<String> {
    let mut failures = Vec::new();
    let leaving = async {
        while let Some(gone) = actors.join_next().await {
            if let Err(error) = gone {
                failures.push(format!("an agent of this tool broke: {error}"));
            }
        }
    };
    if timeout(CHURN_LEAVE_WAIT, leaving).await.is_err() {
        failures.push("not every agent left in time".to_owned());
    }
    failures
}

/// Looks until the broker is as idle as it was before anybody came, or time is over.
async fn until_idle(options: &Churn, api: &Api<'_>, before: &Figures) -> Result<Figures> {
    let start = Instant::now();
    loop {
        let figures = sample::read(&api.metrics().await?)?;
        let is_late = start.elapsed().as_secs() >= options.release_timeout_s;
        if is_idle(before, &figures) || is_late {
            return Ok(figures);
        }
        sleep(RELEASE_POLL).await;
    }
}

async fn audit_what_remains(
    options: &Churn,
    api: &Api<'_>,
    organisations: &[u64],
    shared: &Shared,
) -> Result<Vec<String>> {
    let found = until_released(api, organisations, options.release_timeout_s).await?;
    let held = found.held.iter();
    let mut failures: Vec<String> = held
        .map(|held| {
            format!(
                "organisation {}: {} still held by {}",
                held.organisation, held.licence, held.holders
            )
        })
        .collect();
    let counts = shared.counts();
    failures.extend(counts.faults.0.iter().map(|(what, times)| format!("{what}: {times} times")));
    Ok(failures)
}

/// How many records the logs have, and what is wrong with them.
async fn balance(api: &Api<'_>, organisations: &[u64]) -> Result<(usize, Vec<String>)> {
    let (mut records, mut faults) = (0, Vec::new());
    for &organisation in organisations {
        let ledger = Ledger::of(api, organisation).await?;
        records += ledger.records;
        let of = ledger.faults().into_iter();
        faults.extend(of.map(|fault| format!("log of organisation {organisation}: {fault}")));
    }
    Ok((records, faults))
}

fn table(
    options: &Churn,
    shared: &Shared,
    audit: &Verdict,
    outcome: &Outcome,
) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    let (minutes, agents, rate) = (options.minutes, options.agents, options.rate);
    let organisations = options.tenancy.organisations;
    writeln!(
        out,
        "\nchurn: {minutes} min, {agents} agents over {organisations} organisations, {rate} lives/s"
    )?;
    for (what, times) in &shared.counts().outcomes.0 {
        writeln!(out, "  {what:<50}{times:>10}")?;
    }
    let Percentiles { count, p50, p90, p99, p99_9, max } =
        Percentiles::new(&shared.arrivals().licence);
    writeln!(
        out,
        "\nlicence from due, ms: {count} logins, p50 {p50:.1}, p90 {p90:.1}, p99 {p99:.1}, \
         p99.9 {p99_9:.1}, max {max:.1}"
    )?;
    let unproven = audit.holds - audit.proven;
    writeln!(out, "\naudit: {} holds seen, {unproven} of them not proven", audit.holds)?;
    writeln!(out, "log: {} records\n", outcome.records)?;
    if let Some(course) = &outcome.course {
        writeln!(out, "{course}")?;
    }
    for failure in &outcome.failures {
        writeln!(out, "  {failure}")?;
    }
    writeln!(out, "{}", if outcome.failures.is_empty() { "PASSED" } else { "FAILED" })?;
    Ok(out)
}
