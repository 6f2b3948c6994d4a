//! What one organisation decided and what is not durable yet.
//!
//! At most one batch is being committed. What is decided meanwhile gathers in portions; the next batch is
//! all of them, so batches grow as commits slow down, and deciding waits for nobody. While other
//! organisations wait for the same commits a batch is one portion: whoever has thousands of decisions to
//! keep makes nobody else wait for all of them.

use crate::domain::event::Event;
use crate::domain::ids::SessionId;
use crate::domain::lookup::LookupSet;
use crate::limits::{EVENTS_PER_PORTION, PORTIONS_SHARE};
use chrono::{DateTime, Utc};
use std::collections::VecDeque;

/// Something to be done once all that was decided before it is durable.
pub(super) type Delivery<T> = Box<dyn FnOnce(&mut T)>;

/// Decisions on their way to the store, and what waits for them.
pub(super) struct Pipeline<T> {
    /// Decided since the batch under way was sent; none of them is empty.
    waiting: VecDeque<Portion<T>>,
    /// Waits for the batch under way; `None` while there is none.
    under_way: Option<Vec<Delivery<T>>>,
    /// The sessions that the batch under way changes.
    sessions_under_way: LookupSet<SessionId>,
    /// The number of the last batch that was sent.
    number: u64,
}

/// Whole decisions, as many as are committed at once where others wait.
struct Portion<T> {
    events: Vec<Event>,
    /// Waits for them.
    deliveries: Vec<Delivery<T>>,
    /// The sessions that they change.
    sessions: LookupSet<SessionId>,
    /// How the organisation stood after the last of them.
    standing: Standing,
}

/// How an organisation stands after a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The instant of the latest decision.
    pub(super) at: DateTime<Utc>,
    /// The number that was given last.
    pub(super) sequence: u64,
}

/// What is to be committed next.
#[derive(Debug)]
pub(super) struct Next {
    /// One more than that of the batch before.
    pub(super) number: u64,
    pub(super) events: Vec<Event>,
    pub(super) standing: Standing,
}

impl<T> Portion<T> {
    fn new(standing: Standing) -> Self {
        Self {
            events: Vec::new(),
            deliveries: Vec::new(),
            sessions: LookupSet::default(),
            standing,
        }
    }

    fn append(&mut self, later: Self) {
        self.events.extend(later.events);
        self.deliveries.extend(later.deliveries);
        self.sessions.extend(later.sessions);
        self.standing = later.standing;
    }
}

impl<T> Pipeline<T> {
    /// Nothing decided since batch `number` was committed.
    pub(super) fn new(number: u64) -> Self {
        Self {
            waiting: VecDeque::new(),
            under_way: None,
            sessions_under_way: LookupSet::default(),
            number,
        }
    }

    /// Adds a decision, after which the organisation stands so. What is returned may be done at once:
    /// nothing that it rests on is unsettled. That is everything before it; where it `speaks_of` one session
    /// only, what was decided of that.
    pub(super) fn add(
        &mut self,
        events: Vec<Event>,
        standing: Standing,
        speaks_of: Option<SessionId>,
        delivery: Delivery<T>,
    ) -> Option<Delivery<T>> {
        if events.is_empty() {
            return self.add_reading(speaks_of, delivery);
        }
        let is_full = |last: &Portion<T>| last.events.len() >= EVENTS_PER_PORTION;
        if self.waiting.back().is_none_or(is_full) {
            self.waiting.push_back(Portion::new(standing));
        }
        if let Some(portion) = self.waiting.back_mut() {
            portion.sessions.extend(events.iter().filter_map(Event::session));
            portion.events.extend(events);
            portion.deliveries.push(delivery);
            portion.standing = standing;
        }
        None
    }

    /// The same for what changes nothing.
    fn add_reading(
        &mut self,
        speaks_of: Option<SessionId>,
        delivery: Delivery<T>,
    ) -> Option<Delivery<T>> {
        if speaks_of.is_some_and(|session| self.is_settled(session)) {
            return Some(delivery);
        }
        let last = self.waiting.back_mut().map(|portion| &mut portion.deliveries);
        match last.or(self.under_way.as_mut()) {
            Some(deliveries) => {
                deliveries.push(delivery);
                None
            }
            None => Some(delivery),
        }
    }

    fn is_settled(&self, session: SessionId) -> bool {
        !self.sessions_under_way.contains(&session)
            && !self.waiting.iter().any(|portion| portion.sessions.contains(&session))
    }

    /// The next batch to commit: all that waits, or where others wait as well one portion, and more of them
    /// the more there are: a store that is slow would never be done with a storm. `None` while one is under
    /// way or nothing is decided.
    pub(super) fn next(&mut self, others_wait: bool) -> Option<Next> {
        if self.under_way.is_some() {
            return None;
        }
        let mut batch = self.waiting.pop_front()?;
        let waiting = self.waiting.len();
        let further = if others_wait { waiting / PORTIONS_SHARE } else { waiting };
        for portion in self.waiting.drain(..further) {
            batch.append(portion);
        }
        let Portion { events, deliveries, sessions, standing } = batch;
        self.under_way = Some(deliveries);
        self.sessions_under_way = sessions;
        self.number += 1;
        Some(Next { number: self.number, events, standing })
    }

    /// Whether everything that was decided is durable.
    pub(super) fn is_settled_all(&self) -> bool {
        self.under_way.is_none() && self.waiting.is_empty()
    }

    /// The batch under way is durable: what waited for it, in the order of the decisions.
    pub(super) fn committed(&mut self) -> Vec<Delivery<T>> {
        self.sessions_under_way.clear();
        self.under_way.take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(sequence: u64) -> Standing {
        Standing { at: DateTime::UNIX_EPOCH, sequence }
    }

    fn add(
        pipeline: &mut Pipeline<Vec<&'static str>>,
        events: Vec<Event>,
        word: &'static str,
    ) -> Option<Delivery<Vec<&'static str>>> {
        pipeline.add(events, standing(0), None, say(word))
    }

    fn next<T>(pipeline: &mut Pipeline<T>) -> Option<(u64, usize)> {
        pipeline.next(false).map(|next| (next.number, next.events.len()))
    }

    fn event() -> Vec<Event> {
        vec![Event::OrganisationRemoved { at: DateTime::UNIX_EPOCH }]
    }

    fn say(word: &'static str) -> Delivery<Vec<&'static str>> {
        Box::new(move |said| said.push(word))
    }

    #[test]
    fn answers_leave_in_the_order_of_decisions_and_after_what_they_rest_on() {
        let mut pipeline = Pipeline::new(4);
        let mut said = Vec::new();
        let at_once = add(&mut pipeline, Vec::new(), "nothing to wait for").expect("at once");
        at_once(&mut said);
        assert!(add(&mut pipeline, event(), "first").is_none());
        assert_eq!(next(&mut pipeline), Some((5, 1)));
        assert!(add(&mut pipeline, Vec::new(), "reads the first").is_none());
        assert!(add(&mut pipeline, event(), "second").is_none());
        assert!(add(&mut pipeline, Vec::new(), "reads the second").is_none());
        assert!(next(&mut pipeline).is_none(), "one batch at a time");
        pipeline.committed().into_iter().for_each(|delivery| delivery(&mut said));
        assert_eq!(said, ["nothing to wait for", "first", "reads the first"]);
        assert_eq!(next(&mut pipeline), Some((6, 1)));
        pipeline.committed().into_iter().for_each(|delivery| delivery(&mut said));
        assert_eq!(said[3..], ["second", "reads the second"]);
    }

    #[test]
    fn what_speaks_of_one_session_waits_for_that_session_alone() {
        let (session, other) = (SessionId(1), SessionId(2));
        let mut pipeline = Pipeline::new(0);
        let is_at_once = |pipeline: &mut Pipeline<_>, session| {
            pipeline.add(Vec::new(), standing(0), Some(session), say("resumed")).is_some()
        };
        let closed = || vec![Event::SessionClosed { session }];
        assert!(add(&mut pipeline, closed(), "decided").is_none());
        assert!(!is_at_once(&mut pipeline, session), "decided");
        assert!(is_at_once(&mut pipeline, other));
        assert!(next(&mut pipeline).is_some());
        assert!(!is_at_once(&mut pipeline, session), "being committed");
        assert!(is_at_once(&mut pipeline, other));
        pipeline.committed();
        assert!(is_at_once(&mut pipeline, session), "durable");
    }

    /// Three portions and a little, of decisions of two events each.
    fn storm() -> Pipeline<Vec<&'static str>> {
        let mut pipeline = Pipeline::new(0);
        for number in 0..(3 * EVENTS_PER_PORTION / 2 + 1) {
            let decided = vec![Event::SessionClosed { session: SessionId(number as u128) }; 2];
            pipeline.add(decided, standing(number as u64), None, say("decided"));
        }
        pipeline
    }

    #[test]
    fn where_others_wait_a_storm_is_committed_in_portions_of_whole_decisions() {
        let mut pipeline = storm();
        let mut sizes = Vec::new();
        while let Some(batch) = pipeline.next(true) {
            let decisions = pipeline.committed().len();
            assert_eq!(batch.events.len(), 2 * decisions);
            sizes.push((batch.number, batch.events.len(), batch.standing.sequence));
        }
        let portion = EVENTS_PER_PORTION;
        let last = |portions: usize| (portions * portion / 2 - 1) as u64;
        assert_eq!(
            sizes,
            [
                (1, portion, last(1)),
                (2, portion, last(2)),
                (3, portion, last(3)),
                (4, 2, last(3) + 1)
            ]
        );
    }

    #[test]
    fn the_more_portions_wait_the_more_go_at_once() {
        let mut pipeline = Pipeline::new(0);
        for _ in 0..(1 + 2 * PORTIONS_SHARE) * EVENTS_PER_PORTION {
            assert!(add(&mut pipeline, event(), "decided").is_none());
        }
        let first = pipeline.next(true).expect("a batch");
        assert_eq!(first.events.len(), 3 * EVENTS_PER_PORTION);
    }

    #[test]
    fn whoever_is_alone_commits_everything_at_once() {
        let mut pipeline = storm();
        let batch = pipeline.next(false).expect("a batch");
        let decisions = 3 * EVENTS_PER_PORTION / 2 + 1;
        assert_eq!(batch.events.len(), 2 * decisions);
        assert_eq!(batch.standing, standing(decisions as u64 - 1));
        assert_eq!(pipeline.committed().len(), decisions);
        assert!(pipeline.next(false).is_none());
    }

    #[test]
    fn a_session_in_a_portion_that_waits_is_not_settled() {
        let mut pipeline = storm();
        let last = SessionId((3 * EVENTS_PER_PORTION / 2) as u128);
        for _ in 0..4 {
            assert!(!pipeline.is_settled(last));
            assert!(pipeline.next(true).is_some());
            assert!(!pipeline.is_settled(last));
            pipeline.committed();
        }
        assert!(pipeline.is_settled(last));
    }
}
