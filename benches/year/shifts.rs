//! When who logs in and out on a day: early, day and late shifts, with breaks; five days in seven.

use super::people::Agent;
use super::random::Random;
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use licence_broker::domain::moment::start_of_day;
use licence_broker::domain::reason::{Departure, Device};

/// What happens next.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Visit(Visit),
    /// Nobody does anything; the clock is looked at.
    TimePasses {
        at: DateTime<Utc>,
    },
}

impl Step {
    fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Visit(visit) => visit.at,
            Self::TimePasses { at } => *at,
        }
    }
}

/// A login or the end of one.
#[derive(Clone, Copy)]
pub(super) struct Visit {
    pub(super) at: DateTime<Utc>,
    /// The agent's place in the list.
    pub(super) agent: usize,
    pub(super) device: Device,
    pub(super) change: Change,
}

#[derive(Clone, Copy)]
pub(super) enum Change {
    LogIn,
    Leave(Departure),
}

/// Of a hundred agents, how many come on a weekday and at a weekend.
const WEEKDAY_PERCENT: u64 = 85;
const WEEKEND_PERCENT: u64 = 37;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// When shifts begin, after midnight, and how many of a hundred agents work up to that one.
const SHIFTS: [(u64, u64); 3] =
    [(40, 6 * HOUR_MS), (80, 8 * HOUR_MS + 30 * MINUTE_MS), (100, 13 * HOUR_MS)];

/// Everything that happens on a day, in its order.
pub(super) fn day(day: NaiveDate, zone: Tz, agents: &[Agent], random: &mut Random) -> Vec<Step> {
    let is_weekend = day.weekday().number_from_monday() > 5;
    let percent = if is_weekend { WEEKEND_PERCENT } else { WEEKDAY_PERCENT };
    // Clocks change at night, so the day's hours are those that count back from its end.
    let midnight = start_of_day(day + TimeDelta::days(1), zone) - TimeDelta::days(1);
    // A clock that nobody looks at for a day leaves a gap in the figures.
    let looks = (1..=4).map(|quarter| midnight + TimeDelta::hours(6 * quarter));
    let mut steps: Vec<Step> = looks.map(|at| Step::TimePasses { at }).collect();
    for (number, agent) in agents.iter().enumerate() {
        if random.chance(percent) {
            attend(number, agent, midnight, random, &mut steps);
        }
    }
    steps.sort_by_key(Step::at);
    steps
}

/// One agent's working day.
fn attend(
    agent: usize,
    who: &Agent,
    midnight: DateTime<Utc>,
    random: &mut Random,
    steps: &mut Vec<Step>,
) {
    let draw = random.below(100);
    let shift = SHIFTS.iter().find(|(up_to, _)| draw < *up_to);
    let (_, begins) = shift.expect("a hundred is above every draw");
    let mut add = |device, from: u64, to: u64, departure| {
        let at = |ms: u64| midnight + TimeDelta::milliseconds(ms.cast_signed());
        let visit = |at, change| Step::Visit(Visit { at, agent, device, change });
        steps.push(visit(at(from), Change::LogIn));
        steps.push(visit(at(to), Change::Leave(departure)));
    };
    for (device, breaks) in [(who.screen, 1), (Some(Device::Deskphone), 0)] {
        let Some(device) = device else { continue };
        let breaks = breaks + u64::from(random.chance(45));
        let mut from = begins - 10 * MINUTE_MS + random.below(20 * MINUTE_MS);
        let end = begins + 8 * HOUR_MS + random.below(30 * MINUTE_MS);
        for stretch in 0..=breaks {
            let to = if stretch == breaks {
                end
            } else {
                begins + (stretch + 1) * 8 * HOUR_MS / (breaks + 1) + random.below(30 * MINUTE_MS)
            };
            let lost = random.chance(4);
            let departure = if lost { Departure::ConnectionLost } else { Departure::Logout };
            add(device, from, to, departure);
            from = to + 2 * MINUTE_MS + random.below(40 * MINUTE_MS);
        }
    }
}
