//! The herd: everybody has a session, the broker ends and starts again or every connection is dropped, and
//! all come back at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Venue, callers, note_bought};
use crate::api::Api;
use crate::bounded::bounded;
use crate::broker_process::{BrokerProcess, Ending, until_ready};
use crate::cli::{End, ReconnectStorm};
use crate::conversation::Caller;
use crate::herd::member::live;
use crate::herd::report::{HerdReport, Seen};
use crate::herd::tally::Tally;
use crate::herd::{Herd, Stage};
use crate::limits::{PROGRESS_POLL, TOKEN_MARGIN_S};
use crate::net::SourceAddresses;
use crate::population::{Device, Population};
use crate::progress::Progress;
use crate::provision::{Ready, set_up, tear_down, until_released};
use crate::results::Results;
use crate::sampler::Sampler;

/// What the run made, and what it saw.
#[derive(Default)]
struct Course {
    created: Vec<u64>,
    /// Everything is set up.
    ready: bool,
    seen: Seen,
}

/// Whether the run passed.
///
/// # Errors
///
/// Where it could not be set up, or its report not be written.
pub(crate) async fn run(options: &ReconnectStorm) -> Result<bool> {
    options.check()?;
    let (program, life) = (options.broker.as_deref(), options.timeout());
    let venue = Venue::open(&options.target, program, options.agents, life).await?;
    let Venue { target, sources, mut broker, process, operator_token } = venue;
    let herd = Arc::new(Herd::new(target, options.waits.answer_timeout())?);
    let api = Api::new(&herd.target, &operator_token)?;
    let progress = Progress::new(options.agents);

    let mut course = Course::default();
    let counting = Arc::clone(&herd);
    let sampler = Sampler::start(process, move || counting.counts());
    let stage = Herdsman {
        options,
        sources: &sources,
        herd: &herd,
        api: &api,
        progress: &progress,
        sampler: &sampler,
    };
    let ended = bounded(options.timeout(), stage.act(broker.as_mut(), &mut course)).await;
    let samples = sampler.finish(herd.counts());
    progress.finish();
    if !options.tenancy().keep {
        course.seen.problems.extend(tear_down(&api, &course.created).await);
    }
    let bound = format_args!("--timeout-s {}", options.timeout_s);
    course.seen.cut_short = ended.cut_short(bound, course.ready).context("set-up")?;
    let (agents, organisations) = (options.agents, options.tenancy().organisations);
    let seen = course.seen;
    let hasty = options.without_grace;
    let report = HerdReport::new(agents, organisations, hasty, &herd.tally(), &herd.witness, seen);
    let results = Results::of_herd(options, &report, &herd.tally(), &samples);
    results.publish(&report, &report.to_string(), &options.output)?;
    Ok(report.passed)
}

/// Tells everybody what to do.
struct Herdsman<'a> {
    options: &'a ReconnectStorm,
    sources: &'a SourceAddresses,
    herd: &'a Arc<Herd>,
    api: &'a Api<'a>,
    progress: &'a Progress,
    sampler: &'a Sampler,
}

impl Herdsman<'_> {
    async fn act(&self, broker: Option<&mut BrokerProcess>, course: &mut Course) -> Result<()> {
        until_ready(self.api).await?;
        let ttl = self.options.timeout() + Duration::from_secs(TOKEN_MARGIN_S);
        let devices = [Device::AgentDesktop];
        let tenancy = self.options.tenancy();
        let population = Population::of(&tenancy, self.options.agents, &devices);
        let organisations = set_up(self.api, &population, ttl, &mut course.created).await?;
        course.ready = true;
        note_bought(&mut self.herd.witness.audit(), &organisations);
        self.sampler.begin();

        let (stage, _) = watch::channel(Stage::Working);
        let mut members = JoinSet::new();
        let mut patient = HashSet::new();
        for member in self.members(&organisations) {
            if member.grace_s > 0 {
                patient.insert((member.organisation, member.user.to_string()));
            }
            members.spawn(live(member, Arc::clone(self.herd), stage.subscribe()));
        }
        self.until(Tally::arrived).await;
        self.progress.say("everybody is logged in");
        sleep(self.options.hold).await;
        let before = self.records(&course.created, &patient).await?;
        stage.send_replace(Stage::Proving);
        self.until(Tally::prepared).await;
        match self.options.end {
            End::Terminate => self.restart(broker, Ending::Terminate, &mut course.seen).await?,
            End::Kill => self.restart(broker, Ending::Kill, &mut course.seen).await?,
            End::Drop => self.drop_all(&stage, &mut course.seen).await,
        }
        self.progress.say("everybody comes back");
        stage.send_replace(Stage::Returning(Instant::now()));
        self.until(Tally::settled).await;
        self.progress.say("everybody is back");
        let after = self.records(&course.created, &patient).await?;
        course.seen.records = (!patient.is_empty()).then_some((before, after));
        stage.send_replace(Stage::Leaving);
        while let Some(over) = members.join_next().await {
            over.context("a member of this tool broke")?;
        }
        let looked =
            until_released(self.api, &course.created, self.options.waits.release_timeout_s);
        course.seen.afterwards = Some(looked.await?);
        Ok(())
    }

    /// The first of all have no grace, if some are to have none.
    fn members(&self, organisations: &[Ready]) -> Vec<Caller> {
        callers(organisations, self.sources, 0, |index| {
            if index < self.options.without_grace { 0 } else { self.options.grace_s }
        })
    }

    async fn drop_all(&self, stage: &watch::Sender<Stage>, seen: &mut Seen) {
        let begun = Instant::now();
        stage.send_replace(Stage::Dropping);
        self.until(Tally::gone).await;
        seen.ended_after_s = Some(begun.elapsed().as_secs_f64());
        sleep(self.options.pause).await;
    }

    async fn restart(
        &self,
        broker: Option<&mut BrokerProcess>,
        how: Ending,
        seen: &mut Seen,
    ) -> Result<()> {
        let Some(broker) = broker else {
            self.progress.say("restart the broker now");
            self.until(Tally::gone).await;
            until_ready(self.api).await?;
            let address = self.herd.target.address;
            self.sampler.follow(self.options.target.broker_process(address));
            return Ok(());
        };
        let ended = broker.end(how).await?;
        self.sampler.ended(ended.cpu);
        seen.ended_after_s = Some(ended.took.as_secs_f64());
        self.until(Tally::gone).await;
        let begun = Instant::now();
        broker.start()?;
        self.sampler.follow(Some(broker.id()?));
        until_ready(self.api).await?;
        seen.ready_after_s = Some(begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// Waits until so much can be said of everybody. The whole run is bounded.
    async fn until(&self, counted: impl Fn(&Tally) -> u64) {
        let everybody = u64::try_from(self.options.agents).unwrap_or(u64::MAX);
        loop {
            let count = counted(&self.herd.tally());
            self.progress.decided(usize::try_from(count).unwrap_or(usize::MAX));
            if count >= everybody {
                return;
            }
            sleep(PROGRESS_POLL).await;
        }
    }

    /// Records of the per-user log of those who have grace.
    async fn records(
        &self,
        organisations: &[u64],
        patient: &HashSet<(u64, String)>,
    ) -> Result<usize> {
        let mut records = 0;
        for &organisation in organisations {
            let users = self.api.usage_users(organisation).await?.into_iter();
            records += users.filter(|user| patient.contains(&(organisation, user.clone()))).count();
        }
        Ok(records)
    }
}
