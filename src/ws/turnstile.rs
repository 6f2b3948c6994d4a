//! In which order upgrades are served when more come at once than a worker can serve.
//!
//! A worker serves what is ready in the order in which it became so: behind thousands of upgrades of one
//! organisation everybody else would wait for all of them. So an organisation's upgrades go through a few
//! at a time, and after each few the worker looks after whatever else is ready. Nobody is refused here, and
//! whoever comes alone does not wait.

use crate::domain::ids::OrganisationId;
use crate::limits::UPGRADES_PER_TURN;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::sync::oneshot;

thread_local! {
    /// One for each worker.
    static TURNS: RefCell<Turns> = const { RefCell::new(Turns::new()) };
}

/// Waits until it is the organisation's turn at this worker; `elapsed` is monotonic time.
pub(super) async fn pass(organisation: OrganisationId, elapsed: Duration) {
    let (turn, is_idle) = TURNS.with_borrow_mut(|turns| {
        let turn = turns.ask(organisation, elapsed.as_millis());
        (turn, !turns.waiting.is_empty() && !std::mem::replace(&mut turns.is_running, true))
    });
    if is_idle {
        actix_web::rt::spawn(take_turns());
    }
    if let Some(turn) = turn {
        // Dropped unsent, the worker ends.
        let _ = turn.await;
    }
}

/// Lets through who waits, and between two turns everything else that is ready. Ends with the last of them.
async fn take_turns() {
    while TURNS.with_borrow_mut(Turns::take_one) {
        tokio::task::yield_now().await;
    }
}

struct Turns {
    /// The millisecond of monotonic time in which `passed` went through.
    millisecond: u128,
    /// How many upgrades of each organisation went through without waiting.
    passed: BTreeMap<OrganisationId, usize>,
    /// Who waits, in the order in which they came; bounded by the connections of the worker.
    waiting: BTreeMap<OrganisationId, VecDeque<oneshot::Sender<()>>>,
    /// Whether somebody lets them through.
    is_running: bool,
}

impl Turns {
    const fn new() -> Self {
        Self {
            millisecond: 0,
            passed: BTreeMap::new(),
            waiting: BTreeMap::new(),
            is_running: false,
        }
    }

    /// `None`: it goes through at once.
    fn ask(
        &mut self,
        organisation: OrganisationId,
        millisecond: u128,
    ) -> Option<oneshot::Receiver<()>> {
        if self.millisecond != millisecond {
            self.millisecond = millisecond;
            self.passed.clear();
        }
        let passed = self.passed.entry(organisation).or_default();
        if *passed < UPGRADES_PER_TURN && !self.waiting.contains_key(&organisation) {
            *passed += 1;
            return None;
        }
        let (sender, turn) = oneshot::channel();
        self.waiting.entry(organisation).or_default().push_back(sender);
        Some(turn)
    }

    /// A turn: a few of each organisation go through. Whether anybody has waited.
    fn take_one(&mut self) -> bool {
        let has_any = !self.waiting.is_empty();
        for waiting in self.waiting.values_mut() {
            let mut served = 0;
            while served < UPGRADES_PER_TURN
                && let Some(next) = waiting.pop_front()
            {
                // Who does not wait any more takes nobody's turn.
                served += usize::from(next.send(()).is_ok());
            }
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
        self.is_running = has_any;
        has_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: usize = UPGRADES_PER_TURN;

    fn organisation(number: u64) -> OrganisationId {
        OrganisationId::new(number).expect("a number")
    }

    fn served(turns: &mut [oneshot::Receiver<()>]) -> usize {
        turns.iter_mut().filter_map(|turn| turn.try_recv().ok()).count()
    }

    #[test]
    fn a_few_go_through_at_once_and_the_rest_a_few_at_each_turn() {
        let (mut turns, storm) = (Turns::new(), organisation(1));
        let asked: Vec<_> = (0..4 * FEW).map(|_| turns.ask(storm, 7)).collect();
        assert!(asked[..FEW].iter().all(Option::is_none));
        let mut waiting: Vec<_> = asked.into_iter().flatten().collect();
        assert_eq!(waiting.len(), 3 * FEW);
        for _ in 0..3 {
            assert_eq!(served(&mut waiting), 0);
            assert!(turns.take_one());
            assert_eq!(served(&mut waiting[..FEW]), FEW, "those who came first");
            waiting.drain(..FEW);
        }
        assert!(!turns.take_one(), "nobody waits any more");
    }

    #[test]
    fn nobody_waits_for_another_organisation_s_storm() {
        let (mut turns, storm, calm) = (Turns::new(), organisation(1), organisation(2));
        let mut waiting: Vec<_> = (0..100 * FEW).filter_map(|_| turns.ask(storm, 7)).collect();
        assert!(turns.ask(calm, 7).is_none());
        let mut of_calm: Vec<_> = (0..2 * FEW).filter_map(|_| turns.ask(calm, 7)).collect();
        assert!(turns.take_one());
        assert_eq!((served(&mut waiting), served(&mut of_calm)), (FEW, FEW));
    }

    #[test]
    fn whoever_comes_behind_those_who_wait_waits_as_well_and_who_gave_up_does_not_count() {
        let (mut turns, storm) = (Turns::new(), organisation(1));
        let mut waiting: Vec<_> = (0..3 * FEW).filter_map(|_| turns.ask(storm, 7)).collect();
        let late = turns.ask(storm, 8);
        waiting.extend(late);
        assert_eq!(waiting.len(), 2 * FEW + 1);
        waiting.drain(..FEW);
        assert!(turns.take_one());
        assert_eq!(served(&mut waiting), FEW);
    }
}
