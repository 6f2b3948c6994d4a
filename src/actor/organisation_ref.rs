//! One organisation as connections hold on to it.

use super::admission::LoginQueue;
use super::cell::Cell;
use super::link::{Link, Marks};
use super::reply::Reply;
use crate::domain::ids::{LinkId, OrganisationId, SessionId};
use crate::domain::organisation::Command;
use crate::domain::reason::{Departure, EndReason};
use crate::domain::release::LeaveAnswer;
use std::sync::Arc;

/// One organisation, found; holds on to it while a connection lasts.
#[derive(Clone)]
pub struct OrganisationRef(pub(super) Arc<Cell>);

impl OrganisationRef {
    /// Its number.
    pub fn id(&self) -> OrganisationId {
        self.0.id()
    }

    /// Has a command decided, on behalf of the connection `link` if it is a login or a resume. Never
    /// waits; what is under way is bounded by whoever calls.
    pub fn submit<C>(&self, command: C, link: Option<Link>, reply: Reply<C::Answer>)
    where
        C: Command + Send + 'static,
        C::Answer: Send + 'static,
    {
        self.0.submit(command, reply, link, None);
    }

    /// The logins under way.
    pub fn logins(&self) -> &LoginQueue {
        self.0.logins()
    }

    /// Says goodbye for a connection, at once and without waiting: it reaches the organisation even if
    /// its actor is down and is started again.
    pub fn depart(
        &self,
        session: SessionId,
        link: LinkId,
        marks: &Marks,
        departure: Departure,
        reply: Reply<LeaveAnswer>,
    ) {
        marks.departed(departure);
        self.0.send_goodbye(session, link, departure, reply);
    }

    /// Tells a connection that the broker stops.
    pub fn send_away(&self, link: LinkId) {
        self.0.links().send_end(link, EndReason::GoingAway);
    }
}
