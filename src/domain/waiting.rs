//! Queues for exhausted features: first come, first served, per type.
//!
//! A connected session that waits stands in its pool's queue under its place. A lingering one keeps the
//! place in the session but stands aside, so that serving never has to look past it.

use super::event::{Effects, Event, Notice};
use super::ids::{LicenceId, LicenceSet, LinkId, SessionId};
use super::moment::Moment;
use super::organisation::Organisation;
use super::reason::GrantPool;
use super::session::Place;

impl Effects {
    /// Tells a connection that a wait ended; grants that follow each other go out in one notice.
    fn notify_granted(&mut self, link: LinkId, licence: LicenceId, pool: GrantPool) {
        let on_this_side_of_the_answer = &mut self.notices[self.before_answer..];
        if let Some((last, Notice::Granted(granted))) = on_this_side_of_the_answer.last_mut()
            && *last == link
        {
            granted.push((licence, pool));
            granted.sort_unstable_by_key(|(licence, _)| *licence);
            return;
        }
        self.notices.push((link, Notice::Granted(vec![(licence, pool)])));
    }
}

impl Organisation {
    /// Puts a connected session at the end of a queue.
    pub(super) fn enqueue(
        &mut self,
        session: SessionId,
        licence: LicenceId,
        effects: &mut Effects,
    ) {
        let place = self.next_sequence();
        self.take_place(session, licence, place, effects);
        self.pool_mut(licence).waiting += 1;
    }

    /// Hands a place from a session that is taken over to its successor.
    pub(super) fn pass_place(
        &mut self,
        from: SessionId,
        to: SessionId,
        licence: LicenceId,
        effects: &mut Effects,
    ) {
        let old = self.session_mut(from);
        let Some(place) = old.place(licence) else {
            return;
        };
        old.places.retain(|held| held.licence != licence);
        effects.events.push(Event::Unqueued { session: from, licence });
        self.take_place(to, licence, place, effects);
    }

    fn take_place(
        &mut self,
        session: SessionId,
        licence: LicenceId,
        place: u64,
        effects: &mut Effects,
    ) {
        self.session_mut(session).places.push(Place { licence, place });
        self.pool_mut(licence).queue.insert(place, session);
        effects.events.push(Event::Queued { session, licence, place });
    }

    /// Takes a session out of a queue, whether it stands in line or aside; whether it waited at all.
    pub(super) fn dequeue(
        &mut self,
        session: SessionId,
        licence: LicenceId,
        effects: &mut Effects,
    ) -> bool {
        let waiting = self.session_mut(session);
        let Some(place) = waiting.place(licence) else {
            return false;
        };
        waiting.places.retain(|held| held.licence != licence);
        let pool = self.pool_mut(licence);
        pool.queue.remove(&place);
        pool.waiting -= 1;
        effects.events.push(Event::Unqueued { session, licence });
        true
    }

    /// Stands a session aside in every queue: its connection is lost.
    pub(super) fn stand_aside(&mut self, session: SessionId) {
        for Place { licence, place } in self.session_ref(session).places.clone() {
            self.pool_mut(licence).queue.remove(&place);
        }
    }

    /// Puts a session back in line, at the places that it kept.
    pub(super) fn line_up(&mut self, session: SessionId) {
        for Place { licence, place } in self.session_ref(session).places.clone() {
            self.pool_mut(licence).queue.insert(place, session);
        }
    }

    /// Serves a session that has come back: what its user holds by now is shared, what is free granted.
    pub(super) fn serve_returned(
        &mut self,
        session: SessionId,
        now: Moment,
        effects: &mut Effects,
    ) {
        self.share_what_is_held(session, now, effects);
        self.serve(self.session_ref(session).waiting(), now, effects);
    }

    /// Gives a session that waits what its user holds by another one.
    pub(super) fn share_what_is_held(
        &mut self,
        session: SessionId,
        now: Moment,
        effects: &mut Effects,
    ) {
        let waiting = self.session_ref(session).waiting();
        let user = self.session_ref(session).user.clone();
        for licence in waiting.iter() {
            if self.user_mut(&user).holds(licence) {
                self.share_with_waiting(&user, licence, now, effects);
            }
        }
    }

    /// Serves the queues of `licences` for as long as something is free.
    pub(super) fn serve(&mut self, licences: LicenceSet, now: Moment, effects: &mut Effects) {
        for licence in licences.iter() {
            loop {
                let pool = self.pool(licence);
                let Some(from) = pool.totals.next(pool.holders) else {
                    break;
                };
                let Some((_, first)) = pool.queue.first_key_value() else {
                    break;
                };
                self.end_wait(*first, licence, from, now, effects);
            }
        }
    }

    /// Grants a type to every connected session of `user` that waits for it: its user holds it now.
    pub(super) fn share_with_waiting(
        &mut self,
        user: &str,
        licence: LicenceId,
        now: Moment,
        effects: &mut Effects,
    ) {
        let sessions: Vec<SessionId> = self.user_mut(user).live_sessions().collect();
        for session in sessions {
            let waiting = self.session_ref(session);
            if waiting.link().is_some() && waiting.place(licence).is_some() {
                self.end_wait(session, licence, GrantPool::Shared, now, effects);
            }
        }
    }

    fn end_wait(
        &mut self,
        session: SessionId,
        licence: LicenceId,
        pool: GrantPool,
        now: Moment,
        effects: &mut Effects,
    ) {
        self.dequeue(session, licence, effects);
        if let Some(link) = self.session_ref(session).link() {
            effects.notify_granted(link, licence, pool);
        }
        self.grant(session, licence, pool, now, effects);
    }
}
