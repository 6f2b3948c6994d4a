//! The closed vocabularies of the contract, with the words in which they are written.

use std::fmt;

/// Declares an enum whose variants are words of the contract, readable both ways.
macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the contract.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The contract's word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value that the word stands for; `None` for any other word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// The interface that is logged in on.
    Device {
        /// The agent's application (DTA).
        AgentDesktop = "agent_desktop",
        /// A telephone paired with the user.
        Deskphone = "deskphone",
        /// The operator's switchboard.
        Switchboard = "switchboard",
    }
}

impl Device {
    /// Position among the kinds of device, for indexing.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// How reports name a login on this device.
    pub const fn logon_source(self) -> LogonSource {
        match self {
            Self::AgentDesktop => LogonSource::AgentDesktop,
            Self::Deskphone => LogonSource::PairedDevice,
            Self::Switchboard => LogonSource::Switchboard,
        }
    }
}

vocabulary! {
    /// How reports name the device of a login or the way it ended.
    LogonSource {
        /// Agent desktop.
        AgentDesktop = "Agent Desktop",
        /// Deskphone.
        PairedDevice = "Paired Device",
        /// Switchboard.
        Switchboard = "Switchboard",
        /// A desktop that went without logging out.
        AgentDesktopConnectionLost = "Agent Desktop Connection Lost",
        /// Anyone whom the organisation's schedule logged out.
        ScheduledLogOff = "Scheduled Log Off",
    }
}

vocabulary! {
    /// A user's status; only `active` users log in.
    UserStatus {
        /// Created, not yet in use.
        PreActive = "pre_active",
        /// In use.
        Active = "active",
        /// Shut out for now.
        Suspended = "suspended",
        /// Removed; the name may be given anew.
        Deleted = "deleted",
    }
}

vocabulary! {
    /// Where an instance came from when it was granted.
    GrantPool {
        /// One of the concurrent licences.
        Concurrent = "concurrent",
        /// One of the contingency licences: every concurrent one was in use.
        Contingency = "contingency",
        /// The seat that is assigned to the user.
        Fixed = "fixed",
        /// Nothing: the user held the type already.
        Shared = "shared",
    }
}

vocabulary! {
    /// Where a holder stands now, by rank among the holders of the type.
    HolderPool {
        /// Among the first *concurrent total*.
        Concurrent = "concurrent",
        /// Among the next *contingency total*.
        Contingency = "contingency",
        /// Holder of an assigned seat.
        Fixed = "fixed",
        /// Beyond both: a total was lowered below what is in use.
        OverAllocated = "over_allocated",
    }
}

vocabulary! {
    /// Why a login was refused altogether.
    Refusal {
        /// No such user.
        UserUnknown = "user_unknown",
        /// The user's status is not `active`.
        UserNotActive = "user_not_active",
        /// The user type is not acquired on this device.
        DeviceNotPermitted = "device_not_permitted",
        /// The fixed seat is not assigned to the user.
        NotAssigned = "not_assigned",
        /// No concurrent and no contingency seat is free.
        SeatExhausted = "seat_exhausted",
        /// Channels applied, and none could be granted or queued.
        NoChannelLicensed = "no_channel_licensed",
    }
}

vocabulary! {
    /// Why a resume failed; clients are told `resume_failed` alone, the log and the metrics say more.
    ResumeFailure {
        /// There is no such session: it ended, or another login took it over.
        UnknownSession = "unknown_session",
        /// Its grace has run out.
        GraceOver = "grace_over",
        /// It is another user's.
        OtherUser = "other_user",
        /// The resume token is not the session's.
        WrongToken = "wrong_token",
    }
}

vocabulary! {
    /// Why one licence was denied; the first that fits is given, in this order.
    DenialReason {
        /// Not in the catalogue.
        UnknownLicence = "unknown_licence",
        /// This device never carries it.
        DeviceNotPermitted = "device_not_permitted",
        /// The user does not have it.
        NotAssigned = "not_assigned",
        /// Concurrent and contingency totals are zero.
        NotPurchased = "not_purchased",
        /// All are in use.
        Exhausted = "exhausted",
    }
}

vocabulary! {
    /// What became of the request in which a licence was denied.
    DenialOutcome {
        /// The login was refused.
        Refused = "refused",
        /// The session goes on without it.
        Partial = "partial",
        /// The session waits for it.
        Waiting = "waiting",
    }
}

vocabulary! {
    /// Whether a record of the usage log is of a grant or of its end.
    UsageType {
        /// An instance was acquired.
        Acquired = "Acquired",
        /// An instance was released.
        Released = "Released",
    }
}

vocabulary! {
    /// Why an instance was released.
    ReleaseReason {
        /// The device said goodbye.
        Logout = "logout",
        /// The connection ended without a goodbye.
        ConnectionLost = "connection_lost",
        /// The peer fell silent or took no output.
        HeartbeatTimeout = "heartbeat_timeout",
        /// The same user logged in on the same kind of device.
        Superseded = "superseded",
        /// Someone with the right to do so ended the session.
        Forced = "forced",
        /// The session's token ran out.
        TokenExpired = "token_expired",
        /// The user was deleted.
        UserRemoved = "user_removed",
        /// The user was suspended or changed to another type.
        UserChanged = "user_changed",
        /// The feature was taken away from the user.
        Unassigned = "unassigned",
        /// The device asked for it.
        Requested = "requested",
        /// The organisation was deleted.
        OrganisationRemoved = "organisation_removed",
        /// The organisation's daily log-off.
        Scheduled = "scheduled",
        /// The broker stopped or crashed.
        BrokerRestart = "broker_restart",
    }
}

impl ReleaseReason {
    /// How reports name the source of a release on `device` for this reason.
    ///
    /// A desktop counts as lost for whatever ended its connection without anybody's decision, a crash
    /// of the broker included.
    pub const fn logon_source(self, device: Device) -> LogonSource {
        match (self, device) {
            (Self::Scheduled, _) => LogonSource::ScheduledLogOff,
            (
                Self::ConnectionLost | Self::HeartbeatTimeout | Self::BrokerRestart,
                Device::AgentDesktop,
            ) => LogonSource::AgentDesktopConnectionLost,
            _ => device.logon_source(),
        }
    }
}

/// How a connection ended, as its session actor or the sweep saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// A `logout` message or a close frame from the client.
    Logout,
    /// TCP ended without a close frame.
    ConnectionLost,
    /// The peer broke the protocol and was closed for it: the end is the broker's decision, so no grace.
    Misbehaved,
    /// The login was never answered, so nobody could resume it: no grace.
    Unanswered,
    /// Nothing came in, or nothing was taken, for too long.
    HeartbeatTimeout,
    /// The session's bounded queue of notices was full.
    SlowConsumer,
    /// The store would not take the session's request.
    StorageUnavailable,
    /// The broker is stopping.
    Drain,
    /// The token ran out.
    TokenExpired,
}

impl Departure {
    /// Whether a session that asked for grace lingers after this end.
    pub const fn is_unclean(self) -> bool {
        match self {
            Self::ConnectionLost
            | Self::HeartbeatTimeout
            | Self::SlowConsumer
            | Self::StorageUnavailable
            | Self::Drain => true,
            Self::Logout | Self::Misbehaved | Self::Unanswered | Self::TokenExpired => false,
        }
    }

    /// What the records of a release without grace say.
    pub const fn release_reason(self) -> ReleaseReason {
        match self {
            Self::Logout => ReleaseReason::Logout,
            Self::ConnectionLost
            | Self::Misbehaved
            | Self::Unanswered
            | Self::SlowConsumer
            | Self::StorageUnavailable => ReleaseReason::ConnectionLost,
            Self::HeartbeatTimeout => ReleaseReason::HeartbeatTimeout,
            Self::Drain => ReleaseReason::BrokerRestart,
            Self::TokenExpired => ReleaseReason::TokenExpired,
        }
    }
}

/// Why the broker ends a connection; each has one close code in the protocol's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Another connection took over.
    Superseded,
    /// Someone with the right to do so ended the session.
    Forced,
    /// The daily log-off.
    Scheduled,
    /// The organisation was deleted.
    OrganisationRemoved,
    /// The user is no longer active.
    UserNotActive,
    /// The user was deleted.
    UserUnknown,
    /// The user has another type.
    UserChanged,
    /// The token ran out.
    TokenExpired,
    /// The peer fell silent or took no output.
    HeartbeatTimeout,
    /// The session's bounded queue of notices was full.
    SlowConsumer,
    /// What the session rests on could not be kept.
    StorageUnavailable,
    /// The broker stops.
    GoingAway,
    /// Another node decides for the organisation from now on, or will.
    Moved,
}

vocabulary! {
    /// What became of a base licence (SPEC §5).
    BaseChange {
        /// A free unit was assigned.
        Assigned = "assigned",
        /// A unit was re-assigned within its 90 days, which it may be once.
        Reassigned = "reassigned",
        /// A user who is active again got their own unit back.
        Returned = "returned",
        /// Its user is not active with this type any more.
        Released = "released",
    }
}

vocabulary! {
    /// Administrative changes of an organisation, as the audit log names them.
    AuditAction {
        /// The organisation was created.
        OrganisationCreated = "organisation.created",
        /// The organisation itself was changed.
        OrganisationChanged = "organisation.changed",
        /// The organisation was deleted.
        OrganisationDeleted = "organisation.deleted",
        /// What was bought of a type was changed.
        LicencesPut = "licences.put",
        /// The price of a type was changed.
        PricePut = "price.put",
        /// A user was created.
        UserCreated = "user.created",
        /// A user was changed.
        UserChanged = "user.changed",
        /// A user was deleted.
        UserDeleted = "user.deleted",
        /// A session was ended by force.
        SessionForced = "session.forced",
        /// A wallboard was configured.
        WallboardCreated = "wallboard.created",
        /// A wallboard was taken away.
        WallboardDeleted = "wallboard.deleted",
        /// The number of wallboards that may be configured was changed.
        WallboardMaximumPut = "wallboard_maximum.put",
        /// An account for signing in to the broker was created.
        AccountCreated = "account.created",
        /// Its role was changed, or its owner chose another password.
        AccountChanged = "account.changed",
        /// It was unlocked, and got what else the reset gave it.
        AccountReset = "account.reset",
        /// Too many wrong sign-ins locked it.
        AccountLocked = "account.locked",
        /// It was deleted.
        AccountDeleted = "account.deleted",
    }
}

vocabulary! {
    /// What a wallboard is sent, by the licence of the user that it is assigned to.
    WallboardKind {
        /// The five-minute figures.
        Analytics = "analytics",
        /// Live counts as well.
        LiveAnalytics = "live_analytics",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for reason in ReleaseReason::ALL {
            assert_eq!(ReleaseReason::from_word(reason.as_str()), Some(*reason));
        }
        assert_eq!(Device::from_word("deskfone"), None);
    }

    #[test]
    fn a_lost_desktop_is_named_as_lost_and_a_lost_deskphone_as_itself() {
        let lost = ReleaseReason::ConnectionLost;
        assert_eq!(
            lost.logon_source(Device::AgentDesktop),
            LogonSource::AgentDesktopConnectionLost
        );
        assert_eq!(lost.logon_source(Device::Deskphone), LogonSource::PairedDevice);
        let scheduled = ReleaseReason::Scheduled;
        assert_eq!(scheduled.logon_source(Device::Deskphone), LogonSource::ScheduledLogOff);
    }
}
