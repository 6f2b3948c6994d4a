//! How time passes: forward on both clocks, and by leaps on the wall clock alone.

use crate::random::Random;
use crate::world::{World, settle};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use chrono_tz::Tz;
use std::time::Duration;

pub(crate) const ZONES: &[Tz] = &[
    chrono_tz::Europe::London,
    chrono_tz::Asia::Tokyo,
    chrono_tz::America::New_York,
    chrono_tz::Australia::Lord_Howe,
    chrono_tz::Asia::Kathmandu,
    chrono_tz::UTC,
];

/// Shortly before months end and daylight saving changes, in one zone or the other.
const BEGINNINGS: &[&str] = &[
    "2026-03-28T20:00:00Z",
    "2026-03-30T18:30:00Z",
    "2026-10-24T21:00:00Z",
    "2026-10-30T10:00:00Z",
    "2026-03-08T03:00:00Z",
    "2026-02-27T22:00:00Z",
    "2026-04-04T12:00:00Z",
    "2026-12-31T08:00:00Z",
];

pub(crate) fn beginning(random: &mut Random) -> DateTime<Utc> {
    let at: DateTime<Utc> = random.pick(BEGINNINGS).parse().expect("a time");
    at + TimeDelta::milliseconds(i64::try_from(random.below(3_600_000)).expect("an hour"))
}

impl World {
    /// Both clocks go on by at most five minutes; devices that are well say so, then the broker looks.
    pub(crate) async fn pass(&mut self, by: Duration) {
        let before = self.clock.now().at;
        self.turn(by);
        let bell = TimeDelta::minutes(5);
        let now = self.clock.now().at;
        if now.duration_trunc(bell) != before.duration_trunc(bell) {
            let directory = self.directory().clone();
            tokio::spawn(async move { directory.tick().await });
        }
        let is_long = by >= Duration::from_secs(1);
        settle(if is_long { 1_001 } else { u64::try_from(by.as_millis()).unwrap_or(1).max(1) })
            .await;
    }

    /// Both clocks go on, and the broker has not looked yet.
    pub(crate) fn turn(&mut self, by: Duration) {
        self.clock.advance(by);
        self.coverage.simulated += by;
        self.turned();
    }

    /// The wall clock was set, and monotonic time knows nothing of it.
    pub(crate) async fn step_clock(&mut self) {
        let size = [2, 45, 240, 1_800, 7_200, 14_400];
        let seconds = i64::try_from(*self.random.pick(&size) + self.random.below(30)).expect("few");
        let is_back = self.random.chance(50);
        self.coverage.count(if is_back { "fault: clock back" } else { "fault: clock forward" });
        self.clock.step(TimeDelta::seconds(if is_back { -seconds } else { seconds }));
        self.auditor.clock_stepped();
        self.turned();
        settle(1_001).await;
    }

    /// The clock was turned: who is well is heard of, and tokens may be over.
    fn turned(&mut self) {
        let now = self.clock.now();
        self.wall_max = self.wall_max.max(now.at);
        for conn in self.conns.values().filter(|conn| !conn.is_silent && conn.thaw.is_none()) {
            conn.marks.seen(now.elapsed);
            conn.marks.taken(now.elapsed);
        }
        let gone = self.late.iter().chain(&self.ghosts).map(|(conn, _)| conn);
        let over = self.conns.values().chain(gone).filter(|conn| conn.token_until <= now.at);
        let over: Vec<(usize, u128)> = over.map(|conn| (conn.place, conn.session.0)).collect();
        for (place, session) in over {
            self.auditor.goodbye(place, session, "token over", now.elapsed);
        }
    }

    /// Hours in which nothing is asked, five minutes at a time.
    pub(crate) async fn quiet(&mut self) {
        let hops = 4 + self.random.below(30);
        for _ in 0..hops {
            let millis = 200_000 + self.random.below(100_000);
            self.pass(Duration::from_millis(millis)).await;
            self.hear();
        }
    }
}
