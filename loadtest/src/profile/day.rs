//! A working day in minutes: a morning with its peak, lunch, a shift change, an outage, an evening.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::balance::balance;
use super::{broker_process, note_bought, operator_token};
use crate::api::Api;
use crate::bounded::bounded;
use crate::broker_process::{BrokerProcess, Ending, until_ready};
use crate::conversation::Caller;
use crate::day::options::Day;
use crate::day::schedule::{self, PHASES, spells};
use crate::limits::{TOKEN_MARGIN_S, raise_open_files};
use crate::net::{SourceAddresses, Target};
use crate::population::{Device, Population};
use crate::progress::Progress;
use crate::provision::{Ready, set_up, tear_down, until_released};
use crate::results::Results;
use crate::sampler::Sampler;
use crate::visit::report::{Seen, VisitsReport};
use crate::visit::visitor::live;
use crate::visit::{Label, Outage, Scene, Visit};

/// Every so many agents one asks for no grace.
const HASTY_EVERY: usize = 4;
/// From the end of set-up to the day's begin.
const BREATH: Duration = Duration::from_millis(100);

/// What the run made, and what it saw.
#[derive(Default)]
struct Course {
    created: Vec<u64>,
    organisations: Vec<Ready>,
    seen: Seen,
}

/// Whether the run passed.
///
/// # Errors
///
/// Where it could not be set up, or its report not be written.
pub(crate) async fn run(options: &Day) -> Result<bool> {
    options.check()?;
    raise_open_files(options.agents)?;
    let target = Target::resolve(&options.target.url).await?;
    let asked = options.target.source_addresses;
    let sources = SourceAddresses::choose(target.address, asked, options.agents)?;
    let program = options.broker.as_deref();
    let mut broker = program.map(|path| BrokerProcess::new(path, target.address)).transpose()?;
    let token = operator_token(&options.target, broker.as_mut(), options.timeout()).await?;
    let answer_timeout = Duration::from_secs(options.answer_timeout_s);
    let mut scene = Scene::new(target, answer_timeout, &PHASES)?;
    let mut course = Course::default();
    let progress = Progress::new(0);
    set_up_all(options, &scene, &token, &mut course).await.context("set-up")?;
    let start = Instant::now() + BREATH;
    let begins = start + schedule::outage_begins(options.length());
    let (ends, is_played) = (begins + options.outage_s, broker.is_none());
    scene.outage = Some(Outage { begins, ends, phase: schedule::OUTAGE, is_played });

    let scene = Arc::new(scene);
    let api = Api::new(&scene.target, &token)?;
    let process = broker_process(&options.target, broker.as_ref(), scene.target.address);
    let counting = Arc::clone(&scene);
    let sampler = Sampler::start(process, move || counting.counts());
    let director =
        Director { options, sources: &sources, scene: &scene, api: &api, sampler: &sampler, start };
    let acts = director.act(broker.as_mut(), &mut course, &progress);
    let ended = bounded(options.timeout(), acts).await;
    let samples = sampler.finish(scene.counts());
    course.seen.cut_short = ended.cut_short(options.timeout());
    if !options.tenancy().keep {
        course.seen.problems.extend(tear_down(&api, &course.created).await);
    }
    let report = VisitsReport::new("day", options.settings(), &scene, None, course.seen);
    let results = Results::of_visits(&report, &scene, &samples);
    results.publish(&report, &report.to_string(), &options.output)?;
    Ok(report.passed)
}

/// What was created is removed where it fails.
async fn set_up_all(options: &Day, scene: &Scene, token: &str, course: &mut Course) -> Result<()> {
    let api = Api::new(&scene.target, token)?;
    until_ready(&api).await?;
    let ttl = options.timeout() + Duration::from_secs(TOKEN_MARGIN_S);
    let devices = [Device::AgentDesktop];
    let population = Population::of(&options.tenancy(), options.agents, &devices);
    match set_up(&api, &population, ttl, &mut course.created).await {
        Ok(organisations) => course.organisations = organisations,
        Err(error) => {
            tear_down(&api, &course.created).await;
            return Err(error);
        }
    }
    note_bought(&mut scene.witness.audit(), &course.organisations);
    Ok(())
}

/// Sees to it that everybody knows their day, and that the broker has its outage.
struct Director<'a> {
    options: &'a Day,
    sources: &'a SourceAddresses,
    scene: &'a Arc<Scene>,
    api: &'a Api<'a>,
    sampler: &'a Sampler,
    start: Instant,
}

impl Director<'_> {
    async fn act(
        &self,
        broker: Option<&mut BrokerProcess>,
        course: &mut Course,
        progress: &Progress,
    ) -> Result<()> {
        let mut visitors = JoinSet::new();
        let mut random = StdRng::seed_from_u64(self.options.seed);
        for (index, caller) in self.callers(&course.organisations).into_iter().enumerate() {
            let spells = spells(index, self.options.length(), &mut random).into_iter();
            let visits = spells.map(|spell| Visit {
                comes: self.start + spell.comes,
                leaves: self.start + spell.leaves,
                comes_in: Label::Always(spell.comes_in),
                leaves_in: Label::Always(spell.leaves_in),
            });
            visitors.spawn(live(Arc::new(caller), visits.collect(), Arc::clone(self.scene)));
        }
        progress.say("the day begins");
        course.seen.down_s = self.outage(broker).await?;
        while let Some(over) = visitors.join_next().await {
            over.context("an agent of this tool broke")?;
        }
        progress.say("everybody has left");
        let looked = until_released(self.api, &course.created, self.options.release_timeout_s);
        course.seen.afterwards = Some(looked.await?);
        let (records, faults) = balance(self.api, &course.organisations).await?;
        course.seen.records = Some(records);
        course.seen.problems.extend(faults);
        Ok(())
    }

    /// Organisations take turns.
    fn callers(&self, organisations: &[Ready]) -> Vec<Caller> {
        let mut callers = Vec::with_capacity(self.options.agents);
        let most = organisations.iter().map(|o| o.agents.len()).max().unwrap_or(0);
        for index in 0..most {
            for organisation in organisations {
                let Some((user, authorization)) = organisation.agents.get(index) else { continue };
                let is_hasty = callers.len() % HASTY_EVERY == 0;
                callers.push(Caller {
                    organisation: organisation.number,
                    user: Arc::clone(user),
                    authorization: authorization.clone(),
                    source: self.sources.of(callers.len()),
                    grace_s: if is_hasty { 0 } else { self.options.grace_s },
                });
            }
        }
        callers
    }

    /// Kills the broker when it is time, and starts it again; for how many seconds it was down.
    async fn outage(&self, broker: Option<&mut BrokerProcess>) -> Result<Option<f64>> {
        let (Some(broker), Some(outage)) = (broker, self.scene.outage) else { return Ok(None) };
        sleep_until(outage.begins).await;
        broker.end(Ending::Kill).await?;
        sleep_until(outage.ends).await;
        broker.start()?;
        self.sampler.follow(Some(broker.id()?));
        until_ready(self.api).await?;
        Ok(Some(outage.begins.elapsed().as_secs_f64()))
    }
}
