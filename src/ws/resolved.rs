//! What comes to a device's session from its organisation: the answers to its requests, and notices.

use super::answers;
use super::device::Device;
use super::session::{Session, Wire};
use crate::actor::link::ToDevice;
use crate::actor::reply::Unavailable;
use crate::domain::admission::{AcquireAnswer, LoginAnswer};
use crate::domain::event::Notice;
use crate::domain::reason::Departure;
use crate::domain::release::{LeaveAnswer, ReleaseAnswer};
use crate::domain::resume::ResumeAnswer;
use crate::protocol::close::Close;
use crate::protocol::request::RequestId;
use crate::telemetry;
use actix::prelude::*;
use std::time::Duration;

/// The answer to a request, from the organisation's actor.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) enum Resolved {
    /// With the monotonic time at which the login arrived. `None`: the organisation has as many sessions as
    /// it may.
    Login(Option<RequestId>, Duration, Result<Option<LoginAnswer>, Unavailable>),
    Resume(Option<RequestId>, Result<ResumeAnswer, Unavailable>),
    Acquire(Option<RequestId>, Result<AcquireAnswer, Unavailable>),
    Release(Option<RequestId>, Result<ReleaseAnswer, Unavailable>),
    Leave(Option<RequestId>, Result<LeaveAnswer, Unavailable>),
}

impl Session<Device> {
    /// Whether the device may be told of a decision: at the last moment before it is written, for a process
    /// may be frozen anywhere, and what it tells when it wakes would no longer be true.
    fn may_tell(&mut self, wire: &mut Wire<Device>) -> bool {
        let may_tell = self.connection.broker.directory.may_decide();
        if !may_tell {
            self.close(Close::MOVED, Departure::Drain, wire);
        }
        may_tell
    }
}

// Behind the close frame nothing may follow (RFC 6455 §5.5.1), so what comes after it is told to nobody.

impl Handler<Resolved> for Session<Device> {
    type Result = ();

    fn handle(&mut self, resolved: Resolved, wire: &mut Self::Context) {
        if self.is_closing || !self.may_tell(wire) {
            return;
        }
        let (device, connection) = (&mut self.peer, &self.connection);
        let flow = match resolved {
            Resolved::Login(id, arrived, answer) => {
                let is_granted = matches!(answer, Ok(Some(LoginAnswer::LoggedIn(_))));
                let is_decided = matches!(answer, Ok(Some(_)));
                let flow = device.on_logged_in(id.as_ref(), answer, connection, wire);
                if is_decided {
                    let now = connection.broker.clock.elapsed();
                    telemetry::record_login(is_granted, now.saturating_sub(arrived));
                }
                flow
            }
            Resolved::Resume(id, answer) => {
                device.on_resumed(id.as_ref(), answer, connection, wire)
            }
            Resolved::Acquire(id, answer) => {
                device.answered();
                answers::on_acquired(id.as_ref(), answer, connection, wire)
            }
            Resolved::Release(id, answer) => {
                device.answered();
                answers::on_released(id.as_ref(), answer, connection, wire)
            }
            Resolved::Leave(id, answer) => {
                answers::on_logged_out(id.as_ref(), answer, connection, wire)
            }
        };
        self.follow(flow, wire);
        self.pump(wire);
    }
}

impl Handler<ToDevice> for Session<Device> {
    type Result = ();

    fn handle(&mut self, message: ToDevice, wire: &mut Self::Context) {
        if self.is_closing {
            return;
        }
        match message {
            ToDevice::Draining { reconnect_within_s } => {
                self.peer.draining(reconnect_within_s, wire);
            }
            ToDevice::Notice(notice) => {
                if !matches!(notice, Notice::Ended(_)) && !self.may_tell(wire) {
                    return;
                }
                let flow = answers::on_notice(&notice, &self.connection, wire);
                self.follow(flow, wire);
            }
        }
    }
}
