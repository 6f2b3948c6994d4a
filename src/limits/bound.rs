//! The bounds by name: the one set of words under which hits and levels are counted.
//!
//! What happens at each, and where its number stands, is the table of docs/ARCHITECTURE.md, "What is
//! bounded"; a test holds that table against this set.

/// A bound that something can meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// TCP connections in all.
    Connections,
    /// Sockets and event streams in all.
    Sessions,
    /// Sockets that one address opens in a second.
    ConnectionsPerAddressPerSecond,
    /// Sessions of one organisation, lingering ones included.
    SessionsPerOrganisation,
    /// Sockets that belong to one user and have not ended.
    ConnectionsPerUser,
    /// Logins and resumes of one user in a minute.
    LoginsPerUserPerMinute,
    /// Logins decided or being committed.
    LoginsUnderWay,
    /// Time that an organisation's first login under way has waited.
    LoginWait,
    /// Places in the queue of one licence type of one organisation.
    WaitingPerLicence,
    /// Frames that one session sends in a second.
    FramesPerSecond,
    /// Requests of one session that are under way.
    RequestsUnderWayPerSession,
    /// Notices that wait for one session.
    NoticesPerSession,
    /// Time until the first message.
    LoginTimeout,
    /// Bytes of a WebSocket message.
    MessageBytes,
    /// Subscribers of live counts in all.
    Subscribers,
    /// Subscribers of one organisation's live counts.
    SubscribersPerOrganisation,
    /// Live output that one subscriber has not taken.
    LiveBacklogBytes,
    /// HTTP requests that wait for organisations' actors.
    RequestsUnderWay,
    /// Reports that are being written as CSV.
    ExportsUnderWay,
    /// Custom reports and advice that are being made.
    ReportsUnderWay,
    /// Time that a custom report takes.
    ReportTime,
    /// Passwords that wait to be checked.
    PasswordsWaiting,
    /// Sign-ins from one address in a minute.
    SignInsPerAddressPerMinute,
    /// TLS handshakes under way.
    TlsHandshakesUnderWay,
    /// Time that a TLS handshake takes.
    TlsHandshakeTimeout,
    /// Time that the head of a request takes.
    RequestHeadTimeout,
    /// Time that a piece of a body takes.
    BodyTimeout,
    /// Time that a peer takes for a piece of an answer.
    OutputTimeout,
    /// Bytes of a body.
    BodyBytes,
    /// Users in one import.
    ImportUsers,
    /// Users of one organisation.
    UsersPerOrganisation,
    /// Accounts of one organisation.
    AccountsPerOrganisation,
}

impl Bound {
    /// Every one.
    pub const ALL: [Self; 32] = [
        Self::Connections,
        Self::Sessions,
        Self::ConnectionsPerAddressPerSecond,
        Self::SessionsPerOrganisation,
        Self::ConnectionsPerUser,
        Self::LoginsPerUserPerMinute,
        Self::LoginsUnderWay,
        Self::LoginWait,
        Self::WaitingPerLicence,
        Self::FramesPerSecond,
        Self::RequestsUnderWayPerSession,
        Self::NoticesPerSession,
        Self::LoginTimeout,
        Self::MessageBytes,
        Self::Subscribers,
        Self::SubscribersPerOrganisation,
        Self::LiveBacklogBytes,
        Self::RequestsUnderWay,
        Self::ExportsUnderWay,
        Self::ReportsUnderWay,
        Self::ReportTime,
        Self::PasswordsWaiting,
        Self::SignInsPerAddressPerMinute,
        Self::TlsHandshakesUnderWay,
        Self::TlsHandshakeTimeout,
        Self::RequestHeadTimeout,
        Self::BodyTimeout,
        Self::OutputTimeout,
        Self::BodyBytes,
        Self::ImportUsers,
        Self::UsersPerOrganisation,
        Self::AccountsPerOrganisation,
    ];

    /// The label `bound` of the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Sessions => "sessions",
            Self::ConnectionsPerAddressPerSecond => "connections_per_address_per_second",
            Self::SessionsPerOrganisation => "sessions_per_organisation",
            Self::ConnectionsPerUser => "connections_per_user",
            Self::LoginsPerUserPerMinute => "logins_per_user_per_minute",
            Self::LoginsUnderWay => "logins_under_way",
            Self::LoginWait => "login_wait",
            Self::WaitingPerLicence => "waiting_per_licence",
            Self::FramesPerSecond => "frames_per_second",
            Self::RequestsUnderWayPerSession => "requests_under_way_per_session",
            Self::NoticesPerSession => "notices_per_session",
            Self::LoginTimeout => "login_timeout",
            Self::MessageBytes => "message_bytes",
            Self::Subscribers => "subscribers",
            Self::SubscribersPerOrganisation => "subscribers_per_organisation",
            Self::LiveBacklogBytes => "live_backlog_bytes",
            Self::RequestsUnderWay => "requests_under_way",
            Self::ExportsUnderWay => "exports_under_way",
            Self::ReportsUnderWay => "reports_under_way",
            Self::ReportTime => "report_time",
            Self::PasswordsWaiting => "passwords_waiting",
            Self::SignInsPerAddressPerMinute => "sign_ins_per_address_per_minute",
            Self::TlsHandshakesUnderWay => "tls_handshakes_under_way",
            Self::TlsHandshakeTimeout => "tls_handshake_timeout",
            Self::RequestHeadTimeout => "request_head_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::OutputTimeout => "output_timeout",
            Self::BodyBytes => "body_bytes",
            Self::ImportUsers => "import_users",
            Self::UsersPerOrganisation => "users_per_organisation",
            Self::AccountsPerOrganisation => "accounts_per_organisation",
        }
    }
}
