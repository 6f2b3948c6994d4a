//! Every close code: one table, which the tests hold against the contract.

use crate::domain::reason::{EndReason, Refusal};

/// Why the broker closes a connection, as the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// The code.
    pub code: u16,
    /// The name; the reason that goes with the code.
    pub name: &'static str,
}

impl Close {
    const fn new(code: u16, name: &'static str) -> Self {
        Self { code, name }
    }

    /// After a logout.
    pub const NORMAL: Self = Self::new(1000, "normal");
    /// The broker stops.
    pub const GOING_AWAY: Self = Self::new(1001, "going_away");
    /// A frame that RFC 6455 forbids.
    pub const PROTOCOL_ERROR: Self = Self::new(1002, "protocol_error");
    /// A message beyond the bound.
    pub const TOO_BIG: Self = Self::new(1009, "message_too_big");
    /// Nothing came in, or nothing was taken, for too long.
    pub const HEARTBEAT_TIMEOUT: Self = Self::new(4000, "heartbeat_timeout");
    /// Too many notices waited to be taken.
    pub const SLOW_CONSUMER: Self = Self::new(4001, "slow_consumer");
    /// Another node decides for the organisation. What is sent as the reason is that node's URL.
    pub const MOVED: Self = Self::new(4002, "moved");
    /// The store does not take what the session needs.
    pub const STORAGE_UNAVAILABLE: Self = Self::new(4003, "storage_unavailable");
    /// Too many logins under way.
    pub const OVERLOADED: Self = Self::new(4004, "overloaded");
    /// No seat.
    pub const SEAT_EXHAUSTED: Self = Self::new(4010, "seat_exhausted");
    /// No channel.
    pub const NO_CHANNEL_LICENSED: Self = Self::new(4011, "no_channel_licensed");
    /// Not a JSON object, a binary frame, or a first message that is not a login.
    pub const BAD_MESSAGE: Self = Self::new(4500, "bad_message");
    /// No login in time.
    pub const LOGIN_TIMEOUT: Self = Self::new(4501, "login_timeout");
    /// Token missing, invalid, expired, or for another organisation.
    pub const UNAUTHORISED: Self = Self::new(4502, "unauthorised");
    /// The role may not do this.
    pub const FORBIDDEN: Self = Self::new(4503, "forbidden");
    /// Another connection took over.
    pub const SUPERSEDED: Self = Self::new(4504, "superseded");
    /// Ended by an administrator, by the schedule, or because the organisation was deleted.
    pub const FORCED: Self = Self::new(4505, "forced");
    /// The token ran out.
    pub const TOKEN_EXPIRED: Self = Self::new(4506, "token_expired");
    /// The user is not active.
    pub const USER_NOT_ACTIVE: Self = Self::new(4507, "user_not_active");
    /// There is no such user.
    pub const USER_UNKNOWN: Self = Self::new(4507, "user_unknown");
    /// The user has another type now.
    pub const USER_CHANGED: Self = Self::new(4507, "user_changed");
    /// The user type is not acquired on this device.
    pub const DEVICE_NOT_PERMITTED: Self = Self::new(4507, "device_not_permitted");
    /// The fixed seat is not the user's.
    pub const NOT_ASSIGNED: Self = Self::new(4507, "not_assigned");
    /// The session cannot be resumed.
    pub const RESUME_FAILED: Self = Self::new(4508, "resume_failed");

    /// Whether a machine may try again by itself: 4000–4499 and 1001 may, 4500–4999 may not.
    pub const fn may_retry(self) -> bool {
        self.code == 1001 || (self.code >= 4000 && self.code < 4500)
    }
}

impl From<Refusal> for Close {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UserUnknown => Self::USER_UNKNOWN,
            Refusal::UserNotActive => Self::USER_NOT_ACTIVE,
            Refusal::DeviceNotPermitted => Self::DEVICE_NOT_PERMITTED,
            Refusal::NotAssigned => Self::NOT_ASSIGNED,
            Refusal::SeatExhausted => Self::SEAT_EXHAUSTED,
            Refusal::NoChannelLicensed => Self::NO_CHANNEL_LICENSED,
        }
    }
}

impl From<EndReason> for Close {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::Superseded => Self::SUPERSEDED,
            EndReason::Forced | EndReason::Scheduled | EndReason::OrganisationRemoved => {
                Self::FORCED
            }
            EndReason::UserNotActive => Self::USER_NOT_ACTIVE,
            EndReason::UserUnknown => Self::USER_UNKNOWN,
            EndReason::UserChanged => Self::USER_CHANGED,
            EndReason::TokenExpired => Self::TOKEN_EXPIRED,
            EndReason::HeartbeatTimeout => Self::HEARTBEAT_TIMEOUT,
            EndReason::SlowConsumer => Self::SLOW_CONSUMER,
            EndReason::StorageUnavailable => Self::STORAGE_UNAVAILABLE,
            EndReason::GoingAway => Self::GOING_AWAY,
            EndReason::Moved => Self::MOVED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_may_retry_what_passes_and_not_what_stays() {
        assert!(Close::GOING_AWAY.may_retry() && Close::SEAT_EXHAUSTED.may_retry());
        assert!(!Close::NORMAL.may_retry() && !Close::TOO_BIG.may_retry());
        assert!(!Close::BAD_MESSAGE.may_retry() && !Close::RESUME_FAILED.may_retry());
    }

    #[test]
    fn a_refused_login_closes_with_the_name_of_its_reason() {
        for refusal in Refusal::ALL {
            assert_eq!(Close::from(*refusal).name, refusal.as_str());
        }
    }
}
