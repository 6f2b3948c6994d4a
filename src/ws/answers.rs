//! What an identified device is told: answers to its requests, and notices that it did not ask for.

use super::device::Device;
use super::session::{Connection, Flow, Wire, send};
use crate::actor::reply::Unavailable;
use crate::domain::admission::AcquireAnswer;
use crate::domain::event::Notice;
use crate::domain::reason::{Departure, EndReason, ReleaseReason};
use crate::domain::release::{LeaveAnswer, ReleaseAnswer};
use crate::limits::bound::Bound;
use crate::protocol::close::Close;
use crate::protocol::device::{self, ErrorCode, Writer};
use crate::protocol::request::RequestId;
use crate::telemetry::count_bound;

pub(super) fn on_logged_out(
    id: Option<&RequestId>,
    answer: Result<LeaveAnswer, Unavailable>,
    connection: &Connection,
    wire: &mut Wire<Device>,
) -> Flow {
    match answer {
        Ok(LeaveAnswer::Left { released }) => {
            send(wire, Writer(&connection.broker.catalogue).logged_out(id, &released));
            Flow::Close(Close::NORMAL, Departure::Logout)
        }
        // The session ended for another reason, of which a notice is on its way; or it could not be
        // kept that it ended.
        Ok(LeaveAnswer::Gone | LeaveAnswer::Lingers) | Err(Unavailable) => {
            Flow::Close(Close::STORAGE_UNAVAILABLE, Departure::Logout)
        }
    }
}

pub(super) fn on_notice(notice: &Notice, connection: &Connection, wire: &mut Wire<Device>) -> Flow {
    let writer = Writer(&connection.broker.catalogue);
    match notice {
        Notice::Granted(licences) => send(wire, writer.granted(licences)),
        Notice::Released { licences, reason } => {
            send(wire, writer.released(None, licences, *reason));
        }
        Notice::Ended(reason) => {
            let departure = match reason {
                EndReason::GoingAway | EndReason::Moved => Departure::Drain,
                EndReason::StorageUnavailable => Departure::StorageUnavailable,
                // The organisation has ended the session already, or given it another connection.
                EndReason::Superseded
                | EndReason::Forced
                | EndReason::Scheduled
                | EndReason::OrganisationRemoved
                | EndReason::UserNotActive
                | EndReason::UserUnknown
                | EndReason::UserChanged
                | EndReason::TokenExpired
                | EndReason::HeartbeatTimeout
                | EndReason::SlowConsumer => Departure::ConnectionLost,
            };
            return Flow::Close((*reason).into(), departure);
        }
    }
    Flow::Continue
}

pub(super) fn on_acquired(
    id: Option<&RequestId>,
    answer: Result<AcquireAnswer, Unavailable>,
    connection: &Connection,
    wire: &mut Wire<Device>,
) -> Flow {
    let writer = Writer(&connection.broker.catalogue);
    match answer {
        Ok(answer @ AcquireAnswer::Acquired { .. }) => {
            if let Some(text) = writer.acquired(id, &answer) {
                send(wire, text);
            }
            Flow::Continue
        }
        Ok(AcquireAnswer::TooManyWaiting) => {
            count_bound(Bound::WaitingPerLicence);
            send(wire, device::error(id, ErrorCode::TooManyWaiting));
            Flow::Continue
        }
        // A notice says why, or has said so.
        Ok(AcquireAnswer::Gone) => Flow::Continue,
        Err(Unavailable) => unavailable(),
    }
}

pub(super) fn on_released(
    id: Option<&RequestId>,
    answer: Result<ReleaseAnswer, Unavailable>,
    connection: &Connection,
    wire: &mut Wire<Device>,
) -> Flow {
    let text = match answer {
        Ok(ReleaseAnswer::Released(licences)) => {
            let writer = Writer(&connection.broker.catalogue);
            writer.released(id, &licences, ReleaseReason::Requested)
        }
        Ok(ReleaseAnswer::SeatNotReleasable) => device::error(id, ErrorCode::SeatNotReleasable),
        Ok(ReleaseAnswer::NotHeld(name)) => device::error(id, ErrorCode::NotHeld(name.to_string())),
        Ok(ReleaseAnswer::Gone) => return Flow::Continue,
        Err(Unavailable) => return unavailable(),
    };
    send(wire, text);
    Flow::Continue
}

fn unavailable() -> Flow {
    Flow::Close(Close::STORAGE_UNAVAILABLE, Departure::StorageUnavailable)
}
