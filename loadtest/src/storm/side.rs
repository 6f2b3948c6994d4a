//! A server with calm agents, and a storm beside them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::select;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::crowd_process::{CrowdProcess, Heard};
use super::messages::Plan;
use super::options::StormBeside;
use crate::arrival::Arrival;
use crate::audit::Verdict;
use crate::conversation::Caller;
use crate::visit::visitor::live;
use crate::visit::{Label, Scene, Visit};

/// Of the calm ones, but for the last, which is the storm's own.
pub(crate) const PHASES: [&str; 4] = ["calm", "beside the storm", "between", "the storm"];
pub(crate) const CALM: usize = 0;
pub(crate) const BESIDE: usize = 1;
const BETWEEN: usize = 2;
pub(crate) const STORM: usize = 3;
/// Time for what a storm leaves behind, before calm is measured again.
const BREATH: Duration = Duration::from_secs(1);
/// A visitor is there so long before it is due, and waits for the last of it itself, so that its lateness is
/// seen.
const AHEAD: Duration = Duration::from_millis(20);

pub(crate) struct Side {
    pub(crate) scene: Arc<Scene>,
    calm: Vec<Arc<Caller>>,
    crowd: CrowdProcess,
}

impl Side {
    /// # Errors
    ///
    /// Where the storm's process cannot be started.
    pub(crate) async fn new(
        scene: Arc<Scene>,
        calm: Vec<Arc<Caller>>,
        plan: &Plan,
        heard: watch::Sender<Heard>,
    ) -> Result<Self> {
        Ok(Self { scene, calm, crowd: CrowdProcess::start(plan, heard).await? })
    }

    /// Calm, and then a storm; over when everybody has left. `decided` is told how long it took until every
    /// login of the storm was.
    ///
    /// # Errors
    ///
    /// Where a part of this tool broke, or the storm took longer than any.
    pub(crate) async fn turn(
        &mut self,
        options: &StormBeside,
        number: usize,
        decided: impl FnOnce(Duration),
    ) -> Result<()> {
        let mut visitors = JoinSet::new();
        let Self { scene, calm, crowd } = self;
        select! {
            () = trickle(options, number, scene, calm, &mut visitors) => bail!("a storm took too long"),
            played = weather(options, scene, crowd, decided) => played?,
        }
        while let Some(over) = visitors.join_next().await {
            over.context("an agent of this tool broke")?;
        }
        Ok(())
    }

    /// Ends the storm's process, and adds to the scene what it counted.
    ///
    /// # Errors
    ///
    /// Where it does not say what it saw.
    pub(crate) async fn collect(self) -> Result<Verdict> {
        let seen = self.crowd.finish().await?;
        self.scene.phase(STORM).add(&seen.counted);
        self.scene.witness.add_faults(&seen.faults);
        Ok(seen.audit.clone())
    }
}

/// Agents of the calm ones come and go, whatever became of the ones before.
async fn trickle(
    options: &StormBeside,
    turn: usize,
    scene: &Arc<Scene>,
    callers: &[Arc<Caller>],
    visitors: &mut JoinSet<()>,
) {
    let (start, arrival) = (Instant::now(), Arrival::PerSecond(options.rate));
    let count = arrival.count_within(options.turn_takes());
    // Each turn has another schedule, and every server the same.
    let seed = options.seed.wrapping_add(u64::try_from(turn).unwrap_or(u64::MAX));
    let offsets = arrival.offsets(count, seed);
    for (offset, caller) in offsets.into_iter().zip(callers.iter().cycle()) {
        let comes = start + offset;
        sleep_until(comes.checked_sub(AHEAD).unwrap_or(comes)).await;
        let leaves = comes + options.stay;
        let (comes_in, leaves_in) = (Label::AsItIs, Label::AsItIs);
        let visit = Visit { comes, leaves, comes_in, leaves_in };
        visitors.spawn(live(Arc::clone(caller), vec![visit], Arc::clone(scene)));
        while visitors.try_join_next().is_some() {}
    }
}

async fn weather(
    options: &StormBeside,
    scene: &Scene,
    crowd: &mut CrowdProcess,
    decided: impl FnOnce(Duration),
) -> Result<()> {
    scene.enter(BETWEEN);
    sleep(BREATH).await;
    scene.enter(CALM);
    sleep(options.calm).await;
    scene.enter(BESIDE);
    let begun = Instant::now();
    crowd.begin().await?;
    crowd.until_decided().await?;
    scene.enter(BETWEEN);
    decided(begun.elapsed());
    crowd.until_left().await
}
