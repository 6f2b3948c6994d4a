//! One organisation in a storm of logins beside many calm ones: what the storm costs the others.
//!
//! Calm and storm take turns in one run, so that a slow machine is slow for both; with `--bare` so do the broker
//! and a bare server under the same calm and the same storm. The storm is played by a process of its own: what
//! is measured is how late the server is, not how late this tool.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;

use super::balance::balance;
use super::{Venue, callers, note_bought};
use crate::api::Api;
use crate::baseline::echo_process::EchoProcess;
use crate::baseline::turn::Server;
use crate::bounded::bounded;
use crate::conversation::Caller;
use crate::limits::TOKEN_MARGIN_S;
use crate::net::SourceAddresses;
use crate::population::{Device, Population};
use crate::progress::Progress;
use crate::provision::{Ready, set_up, tear_down, until_released};
use crate::results::Results;
use crate::sampler::Sampler;
use crate::storm::crowd_process::Heard;
use crate::storm::floor::Floor;
use crate::storm::messages::{Agent, Plan, bought};
use crate::storm::options::StormBeside;
use crate::storm::side::{BESIDE, CALM, PHASES, Side};
use crate::target::Target;
use crate::visit::Scene;
use crate::visit::report::{Comparison, Seen, VisitsReport};

/// What the run made, and what it saw.
#[derive(Default)]
struct Course {
    created: Vec<u64>,
    /// The last is the storm's.
    organisations: Vec<Ready>,
    is_set_up: bool,
    broker: Option<Side>,
    bare: Option<Bare>,
    seen: Seen,
}

/// The floor, for a run that is to know it.
struct Bare {
    side: Side,
    /// The server ends when this is dropped.
    _echo: EchoProcess,
}

/// Whether the run passed.
///
/// # Errors
///
/// Where it could not be set up, or its report not be written.
pub(crate) async fn run(options: &StormBeside) -> Result<bool> {
    options.check()?;
    let sockets = options.calm_agents() + options.storm_agents;
    let venue = Venue::open(&options.target, None, sockets, options.timeout()).await?;
    let Venue { target, sources, process, operator_token, .. } = venue;
    let scene = Arc::new(Scene::new(target, options.answer_timeout(), &PHASES)?);
    let api = Api::new(&scene.target, &operator_token)?;
    let (hearing, heard) = watch::channel(Heard::default());
    let counting = Arc::clone(&scene);
    let counts = move || counting.counts() + heard.borrow().counts;
    let sampler = Sampler::start(process, counts.clone());
    let progress = Progress::new(0);
    let weather = Weather {
        options,
        sources: &sources,
        scene: &scene,
        api: &api,
        progress: &progress,
        sampler: &sampler,
    };
    let mut course = Course::default();
    let ended = bounded(options.timeout(), weather.act(hearing, &mut course)).await;
    let samples = sampler.finish(counts());
    let floor = course.collect().await;
    if !options.keep {
        course.seen.problems.extend(tear_down(&api, &course.created).await);
    }
    let bound = format_args!("{:.0} s", options.timeout().as_secs_f64());
    course.seen.cut_short = ended.cut_short(bound, course.is_set_up).context("set-up")?;
    let comparison = Some(Comparison::of(&scene, CALM, BESIDE, options.ratio_max));
    let settings = options.settings();
    let report = VisitsReport::new("storm-beside", settings, &scene, comparison, course.seen);
    let report = report.with_floor(floor);
    let results = Results::of_visits(&report, &scene, &samples);
    results.publish(&report, &report.to_string(), &options.output)?;
    Ok(report.passed)
}

impl Course {
    /// Ends the storms' processes, and notes what they saw; the floor, if it was looked for.
    async fn collect(&mut self) -> Option<Floor> {
        if let Some(side) = self.broker.take() {
            match side.collect().await {
                Ok(verdict) => self.seen.audited_elsewhere = Some(verdict),
                Err(error) => self.seen.problems.push(format!("{error:#}")),
            }
        }
        let Bare { side, _echo } = self.bare.take()?;
        let scene = Arc::clone(&side.scene);
        if let Err(error) = side.collect().await {
            self.seen.problems.push(format!("bare server: {error:#}"));
        }
        Some(Floor::of(&scene))
    }
}

/// Makes calm and storm.
struct Weather<'a> {
    options: &'a StormBeside,
    sources: &'a SourceAddresses,
    scene: &'a Arc<Scene>,
    api: &'a Api<'a>,
    progress: &'a Progress,
    sampler: &'a Sampler,
}

impl Weather<'_> {
    async fn act(&self, hearing: watch::Sender<Heard>, course: &mut Course) -> Result<()> {
        self.set_up(hearing, course).await?;
        self.sampler.begin();
        for number in 1..=self.options.turns {
            // Now one is first and now the other: a machine that gets slower is so for both.
            let is_bare_first = number % 2 == 0;
            if is_bare_first {
                self.bare_turn(number, course).await?;
            }
            self.turn(number, course).await?;
            if !is_bare_first {
                self.bare_turn(number, course).await?;
            }
        }
        let looked = until_released(self.api, &course.created, self.options.release_timeout_s);
        course.seen.afterwards = Some(looked.await?);
        let (records, faults) = balance(self.api, &course.organisations).await?;
        course.seen.records = Some(records);
        course.seen.problems.extend(faults);
        Ok(())
    }

    async fn turn(&self, number: usize, course: &mut Course) -> Result<()> {
        let Some(side) = &mut course.broker else { return Ok(()) };
        let decided = |after: Duration| {
            let after = after.as_secs_f64();
            self.progress.say(&format!("storm {number}: every login decided after {after:.2} s"));
        };
        side.turn(self.options, number, decided).await
    }

    async fn bare_turn(&self, number: usize, course: &mut Course) -> Result<()> {
        let Some(Bare { side, .. }) = &mut course.bare else { return Ok(()) };
        let decided = |after: Duration| {
            let after = after.as_secs_f64();
            self.progress
                .say(&format!("storm {number}, bare: every echo there after {after:.2} s"));
        };
        side.turn(self.options, number, decided).await.context("bare server")
    }

    async fn set_up(&self, hearing: watch::Sender<Heard>, course: &mut Course) -> Result<()> {
        let options = self.options;
        let ttl = options.timeout().saturating_add(Duration::from_secs(TOKEN_MARGIN_S));
        let (calm, first) = (options.calm_organisations(), options.first_organisation);
        let last = first + u64::try_from(calm)?;
        for (first, organisations, agents) in
            [(first, calm, options.calm_agents()), (last, 1, options.storm_agents)]
        {
            let tenancy = options.tenancy(first, organisations, agents);
            let population = Population::of(&tenancy, agents, &[Device::AgentDesktop]);
            let ready = set_up(self.api, &population, ttl, &mut course.created).await?;
            course.organisations.extend(ready);
        }
        let (storm, calm) = course.organisations.split_last().context("no organisation")?;
        note_bought(&mut self.scene.witness.audit(), calm);
        let calm: Vec<_> =
            callers(calm, self.sources, 0, |_| 0).into_iter().map(Arc::new).collect();
        let plan = self.plan(storm, calm.len())?;
        if options.bare {
            course.bare = Some(self.bare(calm.clone(), &plan).await?);
        }
        let side = Side::new(Arc::clone(self.scene), calm, &plan, hearing).await?;
        course.broker = Some(side);
        course.is_set_up = true;
        Ok(())
    }

    /// Of the storm in this organisation, beside so many calm agents.
    fn plan(&self, storm: &Ready, calm: usize) -> Result<Plan> {
        let stormers = callers(std::slice::from_ref(storm), self.sources, calm, |_| 0);
        Ok(Plan {
            url: self.options.target.url.clone(),
            server: Server::Broker,
            organisation: storm.number,
            bought: bought(storm),
            agents: stormers.iter().map(Agent::of).collect::<Result<_>>()?,
            stay_s: self.options.storm_stay.as_secs_f64(),
            answer_timeout_s: self.options.answer_timeout_s,
        })
    }

    /// The same agents and the same storm at a bare server, which has as many workers as there are processors.
    async fn bare(&self, calm: Vec<Arc<Caller>>, plan: &Plan) -> Result<Bare> {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let echo = EchoProcess::start(workers).await?;
        let url = format!("http://{}", echo.address);
        let target = Target::resolve(&url).await?;
        let mut scene = Scene::new(target, self.options.answer_timeout(), &PHASES)?;
        scene.server = Server::Bare;
        let plan = plan.at_bare_server(url);
        let (hearing, _) = watch::channel(Heard::default());
        let side = Side::new(Arc::new(scene), calm, &plan, hearing).await?;
        Ok(Bare { side, _echo: echo })
    }
}
