//! The storm itself, in a process of its own that runs when nobody else wants a processor: clients on other
//! machines would take no processor time from the broker, nor from those who are measured beside them.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::header::HeaderValue;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::messages::{Plan, Seen, Told};
use crate::audit::Bought;
use crate::conversation::Caller;
use crate::limits::{SAMPLE_EVERY, STORM_POLL, raise_open_files};
use crate::target::Target;
use crate::visit::visitor::live;
use crate::visit::{Label, Scene, Visit};

/// Its only phase.
const STORM: usize = 0;

/// Plays a storm for each line of standard input, and tells what it saw when that ends.
///
/// # Errors
///
/// Where the plan cannot be followed, or nobody listens.
pub(crate) async fn serve() -> Result<bool> {
    // Whoever interrupts a run at a terminal interrupts all of its processes; this one still has to say what
    // it saw, and ends with the run in any case.
    let _interrupts = signal(SignalKind::interrupt()).context("signals")?;
    let mut asked = BufReader::new(tokio::io::stdin()).lines();
    let plan = asked.next_line().await?.context("a storm without a plan")?;
    let mut crowd = Crowd::of(serde_json::from_str(&plan).context("the storm's plan")?).await?;
    tell(&Told::Ready)?;
    while asked.next_line().await?.is_some() {
        select! {
            played = crowd.storm() => played?,
            // The run is over before its time.
            _ = asked.next_line() => break,
        }
    }
    tell(&Told::Seen(Box::new(crowd.seen())))?;
    Ok(true)
}

fn tell(told: &Told) -> Result<()> {
    writeln!(std::io::stdout(), "{}", serde_json::to_string(told)?).context("standard output")
}

struct Crowd {
    scene: Arc<Scene>,
    callers: Vec<Arc<Caller>>,
    stay: Duration,
    /// Who was due in all storms so far.
    due: u64,
}

impl Crowd {
    async fn of(plan: Plan) -> Result<Self> {
        raise_open_files(plan.agents.len())?;
        let target = Target::resolve(&plan.url).await?;
        let answer_timeout = Duration::from_secs(plan.answer_timeout_s);
        let mut scene = Scene::new(target, answer_timeout, &["the storm"])?;
        scene.server = plan.server;
        for (licence, holders) in &plan.bought {
            let bought = holders.map_or(Bought::Uncounted, Bought::Holders);
            scene.witness.audit().bought(plan.organisation, licence, bought);
        }
        let callers = plan.agents.into_iter().map(|agent| {
            let authorization = HeaderValue::try_from(agent.authorization).context("a token")?;
            Ok(Arc::new(Caller {
                organisation: plan.organisation,
                user: agent.user.into(),
                authorization,
                source: agent.source,
                grace_s: 0,
            }))
        });
        let callers = callers.collect::<Result<_>>()?;
        let stay = Duration::try_from_secs_f64(plan.stay_s)?;
        Ok(Self { scene: Arc::new(scene), callers, stay, due: 0 })
    }

    /// All of them at once; over when all have left.
    async fn storm(&mut self) -> Result<()> {
        let (comes, label) = (Instant::now(), Label::Always(STORM));
        let leaves = comes + self.stay;
        let visit = Visit { comes, leaves, comes_in: label, leaves_in: label };
        let mut visitors = JoinSet::new();
        for caller in &self.callers {
            visitors.spawn(live(Arc::clone(caller), vec![visit], Arc::clone(&self.scene)));
        }
        self.due += u64::try_from(self.callers.len())?;
        let mut is_decided = false;
        let mut looks = interval(SAMPLE_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            select! {
                left = visitors.join_next() => match left {
                    Some(left) => left.context("an agent of the storm broke")?,
                    None => break,
                },
                _ = looks.tick() => tell(&Told::Counts(self.scene.counts()))?,
                () = sleep(STORM_POLL), if !is_decided => {}
            }
            if !is_decided && self.is_decided() {
                is_decided = true;
                tell(&Told::Counts(self.scene.counts()))?;
                tell(&Told::Decided)?;
            }
        }
        tell(&Told::Counts(self.scene.counts()))?;
        tell(&Told::Left)
    }

    /// Everybody of all storms so far was due and is decided.
    fn is_decided(&self) -> bool {
        let storm = self.scene.phase(STORM);
        storm.outcomes.due >= self.due && storm.undecided() == 0
    }

    fn seen(&self) -> Seen {
        let Scene { witness, .. } = &*self.scene;
        let counted = self.scene.phase(STORM).counted();
        Seen { counted, faults: witness.faults(), audit: witness.audit().verdict() }
    }
}
