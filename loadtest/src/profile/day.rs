//! A working day in minutes: a morning with its peak, lunch, a shift change, an outage, an evening.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::balance::balance;
use super::{Venue, callers, note_bought};
use crate::api::Api;
use crate::bounded::bounded;
use crate::broker_process::{BrokerProcess, Ending, until_ready};
use crate::conversation::Caller;
use crate::day::options::Day;
use crate::day::schedule::{self, PHASES, spells};
use crate::limits::TOKEN_MARGIN_S;
use crate::net::SourceAddresses;
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
    let (program, life) = (options.broker.as_deref(), options.timeout());
    let venue = Venue::open(&options.target, program, options.agents, life).await?;
    let Venue { target, sources, mut broker, process, operator_token } = venue;
    let scene = Arc::new(Scene::new(target, options.waits.answer_timeout(), &PHASES)?);
    let api = Api::new(&scene.target, &operator_token)?;
    let counting = Arc::clone(&scene);
    let sampler = Sampler::start(process, move || counting.counts());
    let director =
        Director { options, sources: &sources, scene: &scene, api: &api, sampler: &sampler };
    let mut course = Course::default();
    let ended = bounded(options.timeout(), director.act(broker.as_mut(), &mut course)).await;
    let samples = sampler.finish(scene.counts());
    if !options.tenancy().keep {
        course.seen.problems.extend(tear_down(&api, &course.created).await);
    }
    let bound = format_args!("{:.0} s", options.timeout().as_secs_f64());
    let is_set_up = !course.organisations.is_empty();
    course.seen.cut_short = ended.cut_short(bound, is_set_up).context("set-up")?;
    let report = VisitsReport::new("day", options.settings(), &scene, None, course.seen);
    let results = Results::of_visits(&report, &scene, &samples);
    results.publish(&report, &report.to_string(), &options.output)?;
    Ok(report.passed)
}

/// Sees to it that everybody knows their day, and that the broker has its outage.
struct Director<'a> {
    options: &'a Day,
    sources: &'a SourceAddresses,
    scene: &'a Arc<Scene>,
    api: &'a Api<'a>,
    sampler: &'a Sampler,
}

impl Director<'_> {
    async fn act(&self, broker: Option<&mut BrokerProcess>, course: &mut Course) -> Result<()> {
        self.set_up(course).await?;
        let progress = Progress::new(0);
        let start = Instant::now() + BREATH;
        let outage = self.outage_of(start, broker.is_none());
        let mut visitors = JoinSet::new();
        let mut random = StdRng::seed_from_u64(self.options.seed);
        for (index, caller) in self.callers(&course.organisations).into_iter().enumerate() {
            let spells = spells(index, self.options.length(), &mut random).into_iter();
            let visits = spells.map(|spell| Visit {
                comes: start + spell.comes,
                leaves: start + spell.leaves,
                comes_in: Label::Always(spell.comes_in),
                leaves_in: Label::Always(spell.leaves_in),
            });
            visitors.spawn(live(Arc::new(caller), visits.collect(), Arc::clone(self.scene)));
        }
        progress.say("the day begins");
        course.seen.down_s = self.play_outage(outage, broker).await?;
        while let Some(over) = visitors.join_next().await {
            over.context("an agent of this tool broke")?;
        }
        progress.say("everybody has left");
        let looked =
            until_released(self.api, &course.created, self.options.waits.release_timeout_s);
        course.seen.afterwards = Some(looked.await?);
        let (records, faults) = balance(self.api, &course.organisations).await?;
        course.seen.records = Some(records);
        course.seen.problems.extend(faults);
        Ok(())
    }

    async fn set_up(&self, course: &mut Course) -> Result<()> {
        until_ready(self.api).await?;
        let ttl = self.options.timeout().saturating_add(Duration::from_secs(TOKEN_MARGIN_S));
        let devices = [Device::AgentDesktop];
        let population = Population::of(&self.options.tenancy(), self.options.agents, &devices);
        course.organisations = set_up(self.api, &population, ttl, &mut course.created).await?;
        note_bought(&mut self.scene.witness.audit(), &course.organisations);
        self.sampler.begin();
        Ok(())
    }

    /// When it is, of a day that begins then; all visitors are told.
    fn outage_of(&self, start: Instant, is_played: bool) -> Outage {
        let begins = start + schedule::outage_begins(self.options.length());
        let ends = begins + self.options.outage_s;
        let outage = Outage { begins, ends, phase: schedule::OUTAGE, is_played };
        *self.scene.outage.get_or_init(|| outage)
    }

    /// Every fourth of them has no grace.
    fn callers(&self, organisations: &[Ready]) -> Vec<Caller> {
        callers(organisations, self.sources, 0, |index| {
            if index % HASTY_EVERY == 0 { 0 } else { self.options.grace_s }
        })
    }

    /// Kills the broker when it is time, and starts it again; for how many seconds it was down.
    async fn play_outage(
        &self,
        outage: Outage,
        broker: Option<&mut BrokerProcess>,
    ) -> Result<Option<f64>> {
        let Some(broker) = broker else { return Ok(None) };
        sleep_until(outage.begins).await;
        self.sampler.ended(broker.end(Ending::Kill).await?.cpu);
        sleep_until(outage.ends).await;
        broker.start()?;
        self.sampler.follow(Some(broker.id()?));
        until_ready(self.api).await?;
        Ok(Some(outage.begins.elapsed().as_secs_f64()))
    }
}
