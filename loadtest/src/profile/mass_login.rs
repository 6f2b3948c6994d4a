//! Mass login: everybody at once or at a rate, hold, leave, and look at what remains.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Venue, note_bought};
use crate::agent::{Login, live};
use crate::api::Api;
use crate::bounded::{Ended, bounded};
use crate::cli::{Leave, MassLogin};
use crate::free::{Dropped, FreeWatch};
use crate::limits::{DROP_POLL, PROGRESS_POLL, TOKEN_MARGIN_S};
use crate::net::SourceAddresses;
use crate::population::Population;
use crate::progress::Progress;
use crate::provision::{Ready, in_turn, set_up, tear_down, until_released};
use crate::report::{Report, Seen};
use crate::results::Results;
use crate::run::{Phase, Run};
use crate::sampler::Sampler;
use crate::table;

/// How far the run came, for the report.
#[derive(Default)]
struct Course {
    created: Vec<u64>,
    /// Everything is set up, so that it can be looked at afterwards.
    ready: bool,
    decided_after: Option<Duration>,
    /// From the moment at which the first login is due.
    sampler: Option<Sampler>,
    dropped: Option<Dropped>,
}

/// Whether the run passed.
///
/// # Errors
///
/// Where it could not be set up, or its report not be written.
pub(crate) async fn run(options: &MassLogin) -> Result<bool> {
    options.check()?;
    let (connections, life) = (options.sessions(), options.timeout());
    let venue = Venue::open(&options.target, None, connections, life).await?;
    let Venue { target, sources, operator_token, .. } = venue;
    let login_timeout = Duration::from_secs(options.login_timeout_s);
    let run = Arc::new(Run::new(target, login_timeout, options.leave)?);
    let api = Api::new(&run.target, &operator_token)?;
    let progress = Progress::new(options.sessions());

    let mut course = Course::default();
    let acts = act(options, &sources, &run, &api, &progress, &mut course);
    let ended = bounded(options.timeout(), acts).await;
    progress.finish();
    let sampler = course.sampler.take();
    let samples = sampler.map_or_else(Vec::new, |sampler| sampler.finish(run.counts()));
    let seen = conclude(options, &api, &progress, course, ended).await?;

    let audit = run.audit().verdict();
    let report = Report::new("mass-login", options, &run.tally(), audit, seen);
    let results = Results::of_mass_login(&report, &run.tally(), &samples);
    results.publish(&report, &table::of(&report), &options.output)?;
    Ok(report.passed)
}

async fn act(
    options: &MassLogin,
    sources: &SourceAddresses,
    run: &Arc<Run>,
    api: &Api<'_>,
    progress: &Progress,
    course: &mut Course,
) -> Result<()> {
    let ttl = options.timeout() + Duration::from_secs(TOKEN_MARGIN_S);
    let population = Population::of(&options.tenancy, options.agents, &options.devices);
    let begun = Instant::now();
    let organisations = set_up(api, &population, ttl, &mut course.created).await?;
    course.ready = true;
    note_bought(&mut run.audit(), &organisations);
    progress.say(&format!("set up in {:.1} s", begun.elapsed().as_secs_f64()));

    let (broker, counting) = (options.target.broker_process(run.target.address), Arc::clone(run));
    course.sampler = Some(Sampler::start(broker, move || counting.counts()));
    let start = Instant::now();
    let logins = plan(options, sources, &organisations, start);
    let (phase, _) = watch::channel(Phase::Arriving);
    let mut agents = JoinSet::new();
    tokio::join!(
        arrive(logins, run, &phase, &mut agents),
        until_decided(run, options.sessions(), progress),
    );
    course.decided_after = Some(start.elapsed());
    progress.say("every login decided");
    phase.send_replace(Phase::Holding);
    sleep(options.hold).await;
    match options.leave {
        Leave::Logout => {
            phase.send_replace(Phase::Leaving);
            until_over(&mut agents).await?;
        }
        Leave::Drop => {
            let watch = FreeWatch::hang(api, &run.target, &course.created, ttl).await?;
            course.dropped = Some(drop_all(options, run, &phase, &mut agents, watch).await?);
        }
    }
    Ok(())
}

async fn until_over(agents: &mut JoinSet<()>) -> Result<()> {
    while let Some(over) = agents.join_next().await {
        over.context("an agent of this tool broke")?;
    }
    Ok(())
}

/// Everybody proves that they live, and then drops the connection in the same moment.
async fn drop_all(
    options: &MassLogin,
    run: &Run,
    phase: &watch::Sender<Phase>,
    agents: &mut JoinSet<()>,
    watch: FreeWatch,
) -> Result<Dropped> {
    phase.send_replace(Phase::Leaving);
    while run.tally().outcomes.is_anybody_in() {
        sleep(DROP_POLL).await;
    }
    let (begun, connections) = (Instant::now(), run.tally().outcomes.left.total());
    phase.send_replace(Phase::Dropping);
    until_over(agents).await?;
    let dropped = Instant::now();
    let deadline = dropped + Duration::from_secs(options.release_timeout_s);
    let free = watch.until_free(deadline).await;
    let free = free.context("live counts did not show in time that nothing is held")?;
    Ok(Dropped {
        connections,
        took_s: (dropped - begun).as_secs_f64(),
        free_after_s: free.saturating_duration_since(dropped).as_secs_f64(),
    })
}

/// The logins in the order in which they are due: organisations take turns, the devices of an
/// agent follow each other.
fn plan(
    options: &MassLogin,
    sources: &SourceAddresses,
    organisations: &[Ready],
    start: Instant,
) -> Vec<Login> {
    let mut offsets = options.arrival().offsets(options.sessions(), options.seed).into_iter();
    let mut logins = Vec::with_capacity(options.sessions());
    for (organisation, user, authorization) in in_turn(organisations) {
        for &device in &options.devices {
            logins.push(Login {
                organisation: organisation.number,
                user: Arc::clone(user),
                device,
                authorization: authorization.clone(),
                source: sources.of(logins.len()),
                due: start + offsets.next().unwrap_or_default(),
            });
        }
    }
    logins
}

/// Starts each login when it is due, whatever became of the ones before.
async fn arrive(
    logins: Vec<Login>,
    run: &Arc<Run>,
    phase: &watch::Sender<Phase>,
    agents: &mut JoinSet<()>,
) {
    for login in logins {
        if login.due > Instant::now() {
            sleep_until(login.due).await;
        }
        agents.spawn(live(login, Arc::clone(run), phase.subscribe()));
    }
}

async fn until_decided(run: &Run, sessions: usize, progress: &Progress) {
    loop {
        let decided = run.tally().decided();
        progress.decided(decided);
        if decided >= sessions {
            return;
        }
        sleep(PROGRESS_POLL).await;
    }
}

/// Looks whether everything is released, and removes what was created.
///
/// # Errors
///
/// Where the set-up failed; what it had created is removed all the same.
async fn conclude(
    options: &MassLogin,
    api: &Api<'_>,
    progress: &Progress,
    course: Course,
    ended: Ended,
) -> Result<Seen> {
    let mut problems = Vec::new();
    let mut afterwards = None;
    if course.ready && !matches!(ended, Ended::Interrupted) {
        match until_released(api, &course.created, options.release_timeout_s).await {
            Ok(found) => afterwards = Some(found),
            Err(error) => problems.push(format!("what is still held is not known: {error:#}")),
        }
    }
    if !options.tenancy.keep {
        problems.extend(tear_down(api, &course.created).await);
    }
    let bound = format_args!("--timeout-s {}", options.timeout_s);
    let cut_short = ended.cut_short(bound, course.ready).context("set-up");
    // Where there is no report they are told here.
    let cut_short = cut_short.inspect_err(|_| problems.iter().for_each(|p| progress.say(p)))?;
    let decided_after_s = course.decided_after.map(|after| after.as_secs_f64());
    let dropped = course.dropped;
    Ok(Seen { cut_short, decided_after_s, dropped, afterwards, problems })
}
