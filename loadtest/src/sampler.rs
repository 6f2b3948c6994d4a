//! Looks at the run several times a second: the broker's processor time and memory, and what the profile
//! counts. One for all profiles.

use std::ops::Add;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::limits::{SAMPLE_EVERY, SAMPLES_MAX};
use crate::process::{Meter, Usage};

/// What a profile counts, from its begin to now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Logins (or what the profile calls so) that were begun.
    pub(crate) begun: u64,
    /// Those that were granted.
    pub(crate) granted: u64,
    /// Licences that are held now, by what the broker has said.
    pub(crate) held: u64,
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            begun: self.begun + other.begun,
            granted: self.granted + other.granted,
            held: self.held + other.held,
        }
    }
}

/// One look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// Since the sampler began.
    pub(crate) at: Duration,
    /// `None` where the broker's process is not known, or gone.
    pub(crate) broker: Option<Usage>,
    pub(crate) counts: Counts,
}

/// Ends when it is dropped.
pub(crate) struct Sampler {
    looks: Arc<Mutex<Looks>>,
    task: JoinHandle<()>,
}

struct Looks {
    begun: Instant,
    meter: Option<Meter>,
    /// Processor time of the broker's processes before this one.
    cpu_before: Duration,
    /// What the present process used when it was last seen.
    last: Usage,
    every: Duration,
    samples: Vec<Sample>,
}

impl Sampler {
    /// Begins, with a first look before this returns; `broker` is the number of its process, if it is known,
    /// and `count` what the profile counts.
    pub(crate) fn start(broker: Option<u32>, count: impl Fn() -> Counts + Send + 'static) -> Self {
        let mut looks = Looks {
            begun: Instant::now(),
            meter: broker.and_then(|id| Meter::of(id).ok()),
            cpu_before: Duration::ZERO,
            last: Usage::default(),
            every: SAMPLE_EVERY,
            samples: Vec::new(),
        };
        looks.look(count());
        let looks = Arc::new(Mutex::new(looks));
        let looking = Arc::clone(&looks);
        let task = tokio::spawn(async move {
            let mut every = SAMPLE_EVERY;
            loop {
                sleep(every).await;
                let counts = count();
                let mut looks = looking.lock().unwrap_or_else(PoisonError::into_inner);
                looks.look(counts);
                every = looks.every;
            }
        });
        Self { looks, task }
    }

    /// Set-up is over: what was seen of it is forgotten, and time counts from now.
    pub(crate) fn begin(&self) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.begun = Instant::now();
        looks.samples.clear();
        looks.look(Counts::default());
    }

    /// The broker has this process now; if it is another one, its processor time is added to that of the one
    /// before.
    pub(crate) fn follow(&self, broker: Option<u32>) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.meter.as_ref().map(Meter::id) == broker {
            return;
        }
        let ended = std::mem::take(&mut looks.last).cpu;
        looks.cpu_before += ended;
        looks.meter = broker.and_then(|id| Meter::of(id).ok());
    }

    /// The broker's process has ended, and had used so much in all: what it did after the last look too.
    pub(crate) fn ended(&self, cpu: Duration) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.meter.take().is_none() {
            return;
        }
        let last = std::mem::take(&mut looks.last);
        looks.cpu_before += last.cpu.max(cpu);
        let broker = Some(Usage { cpu: looks.cpu_before, ..last });
        let counts = looks.samples.last().map_or_else(Counts::default, |sample| sample.counts);
        let at = looks.begun.elapsed();
        looks.samples.push(Sample { at, broker, counts });
    }

    /// Looks a last time, and ends; what was seen, oldest first.
    pub(crate) fn finish(self, counts: Counts) -> Vec<Sample> {
        self.task.abort();
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.look(counts);
        std::mem::take(&mut looks.samples)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Looks {
    fn look(&mut self, counts: Counts) {
        let usage = self.meter.as_mut().and_then(|meter| meter.read().ok());
        let broker = usage.map(|usage| {
            self.last = usage;
            Usage { cpu: self.cpu_before + usage.cpu, ..usage }
        });
        self.samples.push(Sample { at: self.begun.elapsed(), broker, counts });
        if self.samples.len() >= SAMPLES_MAX {
            self.thin();
        }
    }

    /// Every other look goes, and from now on there are half as many: a run of any length has a bound.
    fn thin(&mut self) {
        let mut is_kept = false;
        self.samples.retain(|_| {
            is_kept = !is_kept;
            is_kept
        });
        self.every *= 2;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_long_run_is_looked_at_less_often_and_never_forgets_its_beginning() {
        let sampler = Sampler::start(None, Counts::default);
        let looks = Arc::clone(&sampler.looks);
        for granted in 1..=10 * u64::try_from(SAMPLES_MAX).expect("small") {
            looks.lock().expect("no panic").look(Counts { granted, ..Counts::default() });
        }
        assert!(looks.lock().expect("no panic").every >= SAMPLE_EVERY * 8);
        let samples = sampler.finish(Counts { granted: u64::MAX, ..Counts::default() });
        assert!(samples.len() <= SAMPLES_MAX);
        assert!(samples[0].counts.granted <= 1);
        assert_eq!(samples.last().map(|last| last.counts.granted), Some(u64::MAX));
    }

    #[tokio::test]
    async fn what_was_seen_of_the_set_up_is_forgotten() {
        let sampler = Sampler::start(None, Counts::default);
        let looks = Arc::clone(&sampler.looks);
        (0..50).for_each(|_| looks.lock().expect("no panic").look(Counts::default()));
        sampler.begin();
        let samples = sampler.finish(Counts { granted: 7, ..Counts::default() });
        assert!(samples.len() < 50, "{}", samples.len());
        let granted: Vec<_> = samples.iter().map(|sample| sample.counts.granted).collect();
        assert_eq!((granted[0], granted[granted.len() - 1]), (0, 7));
    }

    #[tokio::test]
    async fn the_first_look_comes_before_anything_that_the_profile_does_next() {
        let granted = Arc::new(AtomicU64::new(0));
        let counting = Arc::clone(&granted);
        let sampler = Sampler::start(Some(std::process::id()), move || Counts {
            granted: counting.load(Ordering::Relaxed),
            ..Counts::default()
        });
        granted.store(5, Ordering::Relaxed);
        let samples = sampler.finish(Counts::default());
        assert_eq!(samples[0].counts.granted, 0);
        assert!(samples[0].broker.is_some_and(|usage| usage.cpu > Duration::ZERO));
    }

    #[tokio::test]
    async fn what_a_process_used_between_the_last_look_and_its_end_counts() {
        let sampler = Sampler::start(Some(std::process::id()), Counts::default);
        let in_all = Duration::from_secs(1_000_000);
        sampler.ended(in_all);
        sampler.ended(in_all);
        sampler.follow(Some(std::process::id()));
        let samples = sampler.finish(Counts::default());
        let seen: Vec<_> = samples.iter().filter_map(|sample| sample.broker).collect();
        assert_eq!((seen[1].cpu, seen[1].resident_bytes), (in_all, seen[0].resident_bytes));
        let last = seen[seen.len() - 1].cpu;
        assert!(last > in_all && last < in_all * 2, "once, and what its successor used: {last:?}");
    }

    #[tokio::test]
    async fn a_process_after_another_goes_on_from_its_processor_time() {
        let sampler = Sampler::start(Some(std::process::id()), Counts::default);
        let looks = Arc::clone(&sampler.looks);
        looks.lock().expect("no panic").look(Counts::default());
        sampler.follow(Some(std::process::id()));
        assert_eq!(looks.lock().expect("no panic").cpu_before, Duration::ZERO, "the same process");
        sampler.follow(None);
        looks.lock().expect("no panic").look(Counts::default());
        sampler.follow(Some(std::process::id()));
        let samples = sampler.finish(Counts::default());
        assert!(samples.iter().any(|sample| sample.broker.is_none()), "while it was down");
        let cpu: Vec<_> = samples.iter().filter_map(|s| s.broker.map(|b| b.cpu)).collect();
        let (first, last) = (cpu[0], cpu[cpu.len() - 1]);
        assert!(last >= first * 2, "{first:?} and then {last:?}");
    }
}
