//! A session's hold on its organisation, and the goodbye that nothing can prevent.

use crate::actor::directory::OrganisationRef;
use crate::actor::link::Marks;
use crate::actor::reply::Reply;
use crate::domain::ids::{LinkId, SessionId};
use crate::domain::reason::Departure;
use crate::domain::release::LeaveAnswer;
use std::sync::Arc;

/// However a session actor ends — a panic, a connection that is dropped under it — this is dropped with
/// it and says goodbye, synchronously. Awaited work would be lost: a dying connection is polled once
/// more, with a waker that wakes nobody.
pub struct Attachment {
    organisation: OrganisationRef,
    session: SessionId,
    link: LinkId,
    /// Of this connection; shared with the organisation.
    marks: Arc<Marks>,
    /// What the goodbye says if nobody says otherwise.
    departure: Departure,
    is_open: bool,
}

impl Attachment {
    /// From the moment a login or a resume is on its way.
    pub fn new(
        organisation: OrganisationRef,
        session: SessionId,
        link: LinkId,
        marks: Arc<Marks>,
        departure: Departure,
    ) -> Self {
        Self { organisation, session, link, marks, departure, is_open: true }
    }

    /// The organisation.
    pub fn organisation(&self) -> &OrganisationRef {
        &self.organisation
    }

    /// The session.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The connection.
    pub fn link(&self) -> LinkId {
        self.link
    }

    /// The login was answered: from now on the device can resume.
    pub fn answered(&mut self) {
        self.departure = Departure::ConnectionLost;
    }

    /// There is nothing to say goodbye to: the login or resume was refused.
    pub fn refused(mut self) {
        self.is_open = false;
    }

    /// Says goodbye for this reason.
    pub fn depart(mut self, departure: Departure, reply: Reply<LeaveAnswer>) {
        self.is_open = false;
        self.organisation.depart(self.session, self.link, &self.marks, departure, reply);
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if self.is_open {
            let (departure, reply) = (self.departure, Reply::nobody());
            self.organisation.depart(self.session, self.link, &self.marks, departure, reply);
        }
    }
}
