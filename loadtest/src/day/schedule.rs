//! Who comes and goes when. Times are counted from the day's begin; they are drawn once, from a seed, and
//! know nothing of the answers.
//!
//! ```text
//! share of the day  0    .02────.20    .30────.50   .56─.64     .70       .88────.98
//! four of ten          come in       out to lunch             outage        leave
//! three of ten         come in       out to lunch     leave
//! three of ten                                        come    outage        leave
//! ```

use std::time::Duration;

use rand::Rng;

/// What a day consists of, in its order.
pub(crate) const PHASES: [&str; 5] = ["morning", "lunch", "shift change", "outage", "evening"];
pub(crate) const MORNING: usize = 0;
pub(crate) const LUNCH: usize = 1;
pub(crate) const SHIFT_CHANGE: usize = 2;
pub(crate) const OUTAGE: usize = 3;
pub(crate) const EVENING: usize = 4;

/// The most that the outage may take of the day, so that nothing else happens meanwhile.
pub(crate) const OUTAGE_SHARE_MAX: f64 = 0.15;

/// Shares of the day.
const ARRIVALS: (f64, f64) = (0.02, 0.20);
const LUNCH_BEGINS: (f64, f64) = (0.30, 0.42);
const LUNCH_TAKES: f64 = 0.08;
const SECOND_SHIFT_COMES: (f64, f64) = (0.56, 0.61);
const FIRST_SHIFT_LEAVES: (f64, f64) = (0.59, 0.64);
const OUTAGE_BEGINS: f64 = 0.70;
const LEAVING: (f64, f64) = (0.88, 0.98);

/// Of ten agents, those who stay all day; so many more have the first shift, the others the second.
const ALL_DAY_OF_TEN: usize = 4;
const FIRST_SHIFT_OF_TEN: usize = 3;

/// From a login to the logout that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spell {
    pub(crate) comes: Duration,
    pub(crate) leaves: Duration,
    /// The phase in which they come.
    pub(crate) comes_in: usize,
    /// The phase in which they leave.
    pub(crate) leaves_in: usize,
}

/// The day of one agent.
pub(crate) fn spells(index: usize, length: Duration, random: &mut impl Rng) -> Vec<Spell> {
    let mut at = |(from, to): (f64, f64)| length.mul_f64(from + (to - from) * peak(random));
    let of_ten = index % 10;
    if of_ten >= ALL_DAY_OF_TEN + FIRST_SHIFT_OF_TEN {
        let (comes, leaves) = (at(SECOND_SHIFT_COMES), at(LEAVING));
        return vec![Spell { comes, leaves, comes_in: SHIFT_CHANGE, leaves_in: EVENING }];
    }
    let (leaves, leaves_in) = if of_ten < ALL_DAY_OF_TEN {
        (at(LEAVING), EVENING)
    } else {
        (at(FIRST_SHIFT_LEAVES), SHIFT_CHANGE)
    };
    let (comes, lunch) = (at(ARRIVALS), at(LUNCH_BEGINS));
    vec![
        Spell { comes, leaves: lunch, comes_in: MORNING, leaves_in: LUNCH },
        Spell { comes: lunch + length.mul_f64(LUNCH_TAKES), leaves, comes_in: LUNCH, leaves_in },
    ]
}

/// When the outage begins.
pub(crate) fn outage_begins(length: Duration) -> Duration {
    length.mul_f64(OUTAGE_BEGINS)
}

/// From 0 to 1, most often in the middle.
fn peak(random: &mut impl Rng) -> f64 {
    f64::midpoint(random.random::<f64>(), random.random::<f64>())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    const LENGTH: Duration = Duration::from_secs(1_000);

    fn day(seed: u64) -> Vec<Vec<Spell>> {
        let mut random = StdRng::seed_from_u64(seed);
        (0..1_000).map(|index| spells(index, LENGTH, &mut random)).collect()
    }

    fn present(day: &[Vec<Spell>], second: u64) -> usize {
        let at = Duration::from_secs(second);
        day.iter().flatten().filter(|spell| spell.comes <= at && at < spell.leaves).count()
    }

    #[test]
    fn seven_of_ten_are_there_before_lunch_and_in_the_afternoon_and_nobody_at_night() {
        let day = day(1);
        let counts: Vec<_> = [0, 250, 520, 700, 990].map(|at| present(&day, at)).into();
        assert_eq!(counts, [0, 700, 700, 700, 0]);
        assert!(present(&day, 400) < 500, "at lunch");
        assert!(present(&day, 600) > 750, "two shifts at once");
    }

    #[test]
    fn nobody_comes_back_before_they_have_left_and_nothing_else_happens_in_the_outage() {
        let outage =
            outage_begins(LENGTH)..outage_begins(LENGTH) + LENGTH.mul_f64(OUTAGE_SHARE_MAX);
        for spells in day(2) {
            assert!(spells.iter().all(|spell| spell.comes < spell.leaves), "{spells:?}");
            assert!(spells.windows(2).all(|two| two[0].leaves < two[1].comes), "{spells:?}");
            let mut times = spells.iter().flat_map(|spell| [spell.comes, spell.leaves]);
            assert!(!times.any(|at| outage.contains(&at)), "{spells:?}");
        }
    }

    #[test]
    fn the_morning_has_its_peak_in_the_middle() {
        let comes = |from: u64, to: u64| present(&day(3), to) - present(&day(3), from);
        assert!(comes(80, 140) > 2 * comes(20, 80));
    }

    #[test]
    fn a_seed_replays_its_day_and_another_gives_another() {
        assert_eq!(day(4), day(4));
        assert_ne!(day(4), day(5));
    }
}
