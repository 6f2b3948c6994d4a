//! One organisation in a storm of logins beside many calm ones: what the storm costs the others.
//!
//! Calm and storm take turns in one run, so that a slow machine is slow for both. The storm has a thread of
//! its own: what is measured is how late the broker is, not how late this tool.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::balance::balance;
use super::{Venue, callers, note_bought};
use crate::api::Api;
use crate::arrival::Arrival;
use crate::bounded::bounded;
use crate::conversation::Caller;
use crate::limits::{STORM_POLL, TOKEN_MARGIN_S};
use crate::net::SourceAddresses;
use crate::population::{Device, Population};
use crate::progress::Progress;
use crate::provision::{Ready, set_up, tear_down, until_released};
use crate::results::Results;
use crate::sampler::Sampler;
use crate::storm::options::StormBeside;
use crate::visit::report::{Comparison, Seen, VisitsReport};
use crate::visit::visitor::live;
use crate::visit::{Label, Scene, Visit};

/// Of the calm ones, but for the last, which is the storm's own.
const PHASES: [&str; 4] = ["calm", "beside the storm", "between", "the storm"];
const CALM: usize = 0;
const BESIDE: usize = 1;
const BETWEEN: usize = 2;
const STORM: usize = 3;
/// Time for what a storm leaves behind, before calm is measured again.
const BREATH: Duration = Duration::from_secs(1);

/// What the run made, and what it saw.
#[derive(Default)]
struct Course {
    created: Vec<u64>,
    /// The last is the storm's.
    organisations: Vec<Ready>,
    is_set_up: bool,
    seen: Seen,
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
    let answer_timeout = Duration::from_secs(options.answer_timeout_s);
    let scene = Arc::new(Scene::new(target, answer_timeout, &PHASES)?);
    let api = Api::new(&scene.target, &operator_token)?;
    let progress = Progress::new(0);
    let mut course = Course::default();
    let counting = Arc::clone(&scene);
    let sampler = Sampler::start(process, move || counting.counts());
    let thread = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let weather =
        Weather { options, scene: &scene, api: &api, progress: &progress, sampler: &sampler };
    let ended = bounded(options.timeout(), weather.act(&sources, &thread, &mut course)).await;
    // A runtime must not be waited for within another.
    thread.shutdown_background();
    let samples = sampler.finish(scene.counts());
    if !options.keep {
        course.seen.problems.extend(tear_down(&api, &course.created).await);
    }
    let bound = format_args!("{:.0} s", options.timeout().as_secs_f64());
    course.seen.cut_short = ended.cut_short(bound, course.is_set_up).context("set-up")?;
    let comparison = Some(Comparison::of(&scene, CALM, BESIDE, options.ratio_max));
    let settings = options.settings();
    let report = VisitsReport::new("storm-beside", settings, &scene, comparison, course.seen);
    let results = Results::of_visits(&report, &scene, &samples);
    results.publish(&report, &report.to_string(), &options.output)?;
    Ok(report.passed)
}

/// Makes calm and storm.
struct Weather<'a> {
    options: &'a StormBeside,
    scene: &'a Arc<Scene>,
    api: &'a Api<'a>,
    progress: &'a Progress,
    sampler: &'a Sampler,
}

impl Weather<'_> {
    async fn act(
        &self,
        sources: &SourceAddresses,
        thread: &Runtime,
        course: &mut Course,
    ) -> Result<()> {
        self.set_up(course).await?;
        let (storm, calm) = course.organisations.split_last().context("no organisation")?;
        let calm = shared(callers(calm, sources, 0, |_| 0));
        let stormers = shared(callers(std::slice::from_ref(storm), sources, calm.len(), |_| 0));
        let mut visitors = JoinSet::new();
        tokio::select! {
            () = self.trickle(&calm, &mut visitors) => bail!("the storms took too long"),
            turned = self.turns(&stormers, thread) => turned?,
        }
        while let Some(over) = visitors.join_next().await {
            over.context("an agent of this tool broke")?;
        }
        let looked = until_released(self.api, &course.created, self.options.release_timeout_s);
        course.seen.afterwards = Some(looked.await?);
        let (records, faults) = balance(self.api, &course.organisations).await?;
        course.seen.records = Some(records);
        course.seen.problems.extend(faults);
        Ok(())
    }

    async fn set_up(&self, course: &mut Course) -> Result<()> {
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
        course.is_set_up = true;
        note_bought(&mut self.scene.witness.audit(), &course.organisations);
        self.sampler.begin();
        Ok(())
    }

    /// Agents of the calm ones come and go, whatever became of the ones before.
    async fn trickle(&self, callers: &[Arc<Caller>], visitors: &mut JoinSet<()>) {
        let (start, arrival) = (Instant::now(), Arrival::PerSecond(self.options.rate));
        let count = arrival.count_within(self.options.turns_take());
        let offsets = arrival.offsets(count, self.options.seed);
        for (offset, caller) in offsets.into_iter().zip(callers.iter().cycle()) {
            let comes = start + offset;
            // The visitor itself waits for the last of it, so that its lateness is seen.
            sleep_until(comes.checked_sub(Duration::from_millis(20)).unwrap_or(comes)).await;
            let leaves = comes + self.options.stay;
            let (comes_in, leaves_in) = (Label::AsItIs, Label::AsItIs);
            let visit = Visit { comes, leaves, comes_in, leaves_in };
            visitors.spawn(live(Arc::clone(caller), vec![visit], Arc::clone(self.scene)));
            while visitors.try_join_next().is_some() {}
        }
    }

    async fn turns(&self, stormers: &[Arc<Caller>], thread: &Runtime) -> Result<()> {
        self.scene.enter(BETWEEN);
        sleep(BREATH).await;
        for turn in 1..=self.options.turns {
            self.scene.enter(CALM);
            sleep(self.options.calm).await;
            self.scene.enter(BESIDE);
            let comes = Instant::now();
            let storming = self.storm(stormers, comes, thread);
            self.until_decided(stormers.len() * turn).await;
            self.scene.enter(BETWEEN);
            let after = comes.elapsed().as_secs_f64();
            self.progress.say(&format!("storm {turn}: every login decided after {after:.2} s"));
            storming.await.context("the storm broke")?;
            sleep(BREATH).await;
        }
        Ok(())
    }

    /// All of them at once, on the storm's thread; resolves when all have left.
    fn storm(
        &self,
        stormers: &[Arc<Caller>],
        comes: Instant,
        thread: &Runtime,
    ) -> tokio::task::JoinHandle<()> {
        let leaves = comes + self.options.storm_stay;
        let label = Label::Always(STORM);
        let visit = Visit { comes, leaves, comes_in: label, leaves_in: label };
        let (stormers, scene) = (stormers.to_vec(), Arc::clone(self.scene));
        thread.spawn(async move {
            let visits = stormers.into_iter().map(|c| live(c, vec![visit], Arc::clone(&scene)));
            visits.collect::<JoinSet<()>>().join_all().await;
        })
    }

    /// Everybody of so many storms was due and is decided.
    async fn until_decided(&self, due: usize) {
        let due = u64::try_from(due).unwrap_or(u64::MAX);
        loop {
            let (begun, undecided) = {
                let storm = self.scene.phase(STORM);
                (storm.outcomes.due, storm.undecided())
            };
            if begun >= due && undecided == 0 {
                return;
            }
            sleep(STORM_POLL).await;
        }
    }
}

fn shared(callers: Vec<Caller>) -> Vec<Arc<Caller>> {
    callers.into_iter().map(Arc::new).collect()
}
