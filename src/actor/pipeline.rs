//! What one organisation decided and what is not durable yet.
//!
//! At most one batch is being committed. What is decided meanwhile gathers in the next one, so batches
//! grow as commits slow down, and deciding waits for nobody.

use crate::domain::event::Event;
use crate::domain::ids::SessionId;
use crate::domain::lookup::LookupSet;

/// Something to be done once all that was decided before it is durable.
pub(super) type Delivery<T> = Box<dyn FnOnce(&mut T)>;

/// Decisions on their way to the store, and what waits for them.
pub(super) struct Pipeline<T> {
    /// Decided since the batch under way was sent.
    events: Vec<Event>,
    /// Waits for `events`.
    deliveries: Vec<Delivery<T>>,
    /// Waits for the batch under way; `None` while there is none.
    under_way: Option<Vec<Delivery<T>>>,
    /// The sessions that `events` change.
    sessions: LookupSet<SessionId>,
    /// The sessions that the batch under way changes.
    sessions_under_way: LookupSet<SessionId>,
    /// The number of the last batch that was sent.
    number: u64,
}

impl<T> Pipeline<T> {
    /// Nothing decided since batch `number` was committed.
    pub(super) fn new(number: u64) -> Self {
        Self {
            events: Vec::new(),
            deliveries: Vec::new(),
            under_way: None,
            sessions: LookupSet::default(),
            sessions_under_way: LookupSet::default(),
            number,
        }
    }

    /// Adds a decision. What is returned may be done at once: nothing that it rests on is unsettled. That is
    /// everything before it; where it `speaks_of` one session only, what was decided of that.
    pub(super) fn add(
        &mut self,
        events: Vec<Event>,
        speaks_of: Option<SessionId>,
        delivery: Delivery<T>,
    ) -> Option<Delivery<T>> {
        if events.is_empty() && speaks_of.is_some_and(|session| self.is_settled(session)) {
            return Some(delivery);
        }
        self.sessions.extend(events.iter().filter_map(Event::session));
        if !events.is_empty() || !self.events.is_empty() {
            self.events.extend(events);
            self.deliveries.push(delivery);
            return None;
        }
        match &mut self.under_way {
            Some(waiting) => {
                waiting.push(delivery);
                None
            }
            None => Some(delivery),
        }
    }

    fn is_settled(&self, session: SessionId) -> bool {
        !self.sessions.contains(&session) && !self.sessions_under_way.contains(&session)
    }

    /// The next batch to commit, with its number; `None` while one is under way or nothing is decided.
    pub(super) fn next(&mut self) -> Option<(u64, Vec<Event>)> {
        if self.under_way.is_some() || self.events.is_empty() {
            return None;
        }
        self.under_way = Some(std::mem::take(&mut self.deliveries));
        self.sessions_under_way = std::mem::take(&mut self.sessions);
        self.number += 1;
        Some((self.number, std::mem::take(&mut self.events)))
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
    use chrono::DateTime;

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
        let at_once = pipeline.add(Vec::new(), None, say("nothing to wait for")).expect("at once");
        at_once(&mut said);
        assert!(pipeline.add(event(), None, say("first")).is_none());
        assert_eq!(pipeline.next().map(|(number, events)| (number, events.len())), Some((5, 1)));
        assert!(pipeline.add(Vec::new(), None, say("reads the first")).is_none());
        assert!(pipeline.add(event(), None, say("second")).is_none());
        assert!(pipeline.add(Vec::new(), None, say("reads the second")).is_none());
        assert!(pipeline.next().is_none(), "one batch at a time");
        pipeline.committed().into_iter().for_each(|delivery| delivery(&mut said));
        assert_eq!(said, ["nothing to wait for", "first", "reads the first"]);
        assert_eq!(pipeline.next().map(|(number, events)| (number, events.len())), Some((6, 1)));
        pipeline.committed().into_iter().for_each(|delivery| delivery(&mut said));
        assert_eq!(said[3..], ["second", "reads the second"]);
    }

    #[test]
    fn what_speaks_of_one_session_waits_for_that_session_alone() {
        let (session, other) = (SessionId(1), SessionId(2));
        let mut pipeline = Pipeline::new(0);
        let is_at_once = |pipeline: &mut Pipeline<_>, session| {
            pipeline.add(Vec::new(), Some(session), say("resumed")).is_some()
        };
        let closed = || vec![Event::SessionClosed { session }];
        assert!(pipeline.add(closed(), None, say("decided")).is_none());
        assert!(!is_at_once(&mut pipeline, session), "decided");
        assert!(is_at_once(&mut pipeline, other));
        assert!(pipeline.next().is_some());
        assert!(!is_at_once(&mut pipeline, session), "being committed");
        assert!(is_at_once(&mut pipeline, other));
        pipeline.committed();
        assert!(is_at_once(&mut pipeline, session), "durable");
    }
}
