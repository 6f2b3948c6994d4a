//! Whether the broker grew: its figures after warm-up against those at the end, under the same load, and
//! those when everybody has left against those before anybody came.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::options::Churn;
use super::sample::{ACTORS, DESCRIPTORS, FIGURES, Figures, MEMORY, STORE, Sample, mean};

const MIB: f64 = 1024.0 * 1024.0;
/// Descriptors and actors follow the load, which is the same only on average.
const LOAD_GROWTH: f64 = 1.25;
/// And so many more: with little load the average swings.
const LOAD_SPARE: f64 = 20.0;
/// Descriptors that may be open, once all have left, beside those before anybody came: connections to the
/// store are opened when they are first needed.
const IDLE_DESCRIPTORS_SPARE: f64 = 16.0;

/// Figures at the four moments that are compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// Everything is set up, nobody has come.
    pub(crate) before: Figures,
    /// The mean of the tenth that follows the warm-up.
    pub(crate) warm: Figures,
    /// The mean of the last tenth.
    pub(crate) end: Figures,
    /// Everybody has left.
    pub(crate) after: Figures,
}

impl Course {
    /// `None` where there are too few samples.
    pub(crate) fn of(
        before: Figures,
        samples: &[Sample],
        length: Duration,
        after: Figures,
    ) -> Option<Self> {
        let warm = mean(samples, length / 5, length * 3 / 10)?;
        let end = mean(samples, length * 9 / 10, length)?;
        Some(Self { before, warm, end, after })
    }

    /// Everything that grew beyond what passes, in words.
    pub(crate) fn growth(&self, options: &Churn) -> Vec<String> {
        let own = |figures: &Figures| figures[MEMORY] - figures[STORE];
        let memory_max = own(&self.warm) * (1.0 + options.memory_growth_percent / 100.0)
            + options.memory_growth_mib * MIB;
        let mut grown = Vec::new();
        let mut judge = |figure: usize, when: &str, is: f64, max: f64| {
            if is > max {
                let name = FIGURES[figure].0;
                grown.push(format!("{name}: {is:.0} {when}, at most {max:.0} would pass"));
            }
        };
        judge(MEMORY, "without the store's at the end", own(&self.end), memory_max);
        for figure in [DESCRIPTORS].into_iter().chain(ACTORS) {
            let max = self.warm[figure] * LOAD_GROWTH + LOAD_SPARE;
            judge(figure, "at the end", self.end[figure], max);
        }
        let idle_max = self.before[DESCRIPTORS] + IDLE_DESCRIPTORS_SPARE;
        judge(DESCRIPTORS, "after all left", self.after[DESCRIPTORS], idle_max);
        for figure in ACTORS {
            judge(figure, "after all left", self.after[figure], self.before[figure]);
        }
        grown
    }
}

/// Whether the broker is as idle as before anybody came.
pub(crate) fn is_idle(before: &Figures, now: &Figures) -> bool {
    now[DESCRIPTORS] <= before[DESCRIPTORS] + IDLE_DESCRIPTORS_SPARE
        && ACTORS.iter().all(|figure| now[*figure] <= before[*figure])
}

fn is_bytes(figure: usize) -> bool {
    figure == MEMORY || figure == STORE
}

impl Display for Course {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{:<28}{:>12}{:>14}{:>12}{:>12}",
            "figure", "before", "after warm-up", "at the end", "all left"
        )?;
        for (index, (name, _)) in FIGURES.iter().enumerate() {
            let Self { before, warm, end, after } = self;
            let row = [before[index], warm[index], end[index], after[index]];
            let [before, warm, end, after] =
                if is_bytes(index) { row.map(|bytes| bytes / MIB) } else { row };
            let name =
                if is_bytes(index) { name.replace("bytes", "MiB") } else { (*name).to_owned() };
            writeln!(out, "  {name:<26}{before:>12.1}{warm:>14.1}{end:>12.1}{after:>12.1}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Profile};
    use clap::Parser;

    fn options() -> Churn {
        let parsed = Cli::try_parse_from(["loadtest", "churn"]).expect("defaults").profile;
        let Profile::Churn(options) = parsed else { panic!("another profile") };
        options
    }

    const IDLE: Figures = [50.0 * MIB, 30.0, 5.0, 0.0, 0.0, 0.0, 4.0 * MIB];
    const BUSY: Figures = [80.0 * MIB, 130.0, 5.0, 90.0, 10.0, 90.0, 10.0 * MIB];

    fn growth(end: Figures, after: Figures) -> Vec<String> {
        Course { before: IDLE, warm: BUSY, end, after }.growth(&options())
    }

    #[test]
    fn a_broker_that_is_as_it_was_passes() {
        assert_eq!(growth(BUSY, IDLE), [""; 0]);
        let mut swinging = BUSY;
        swinging[MEMORY] += 10.0 * MIB;
        swinging[DESCRIPTORS] += 20.0;
        assert_eq!(growth(swinging, IDLE), [""; 0]);
    }

    #[test]
    fn memory_descriptors_and_actors_that_grow_are_named() {
        let end = BUSY.map(|figure| figure * 2.0);
        let named: Vec<_> = growth(end, IDLE);
        let starts = ["resident memory", "open descriptors", "actors of sessions"];
        for (line, start) in named.iter().zip(starts) {
            assert!(line.starts_with(start), "{line}");
        }
        assert_eq!(named.len(), 3, "ten wallboards more may be chance: {named:?}");
    }

    #[test]
    fn what_the_store_keeps_in_memory_is_its_own_business() {
        let mut filled = BUSY;
        filled[MEMORY] += 60.0 * MIB;
        assert_eq!(growth(filled, IDLE).len(), 1);
        filled[STORE] += 60.0 * MIB;
        assert_eq!(growth(filled, IDLE), [""; 0]);
    }

    #[test]
    fn one_actor_that_is_left_alive_is_one_too_many() {
        let mut after = IDLE;
        after[ACTORS[0]] = 1.0;
        assert_eq!(growth(BUSY, after).len(), 1);
        assert!(!is_idle(&IDLE, &after) && is_idle(&IDLE, &IDLE));
    }
}
