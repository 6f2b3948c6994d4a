//! How the log spells what a line is about.
//!
//! A macro takes them as `{ field::SESSION } = %session`, which is the same as a field written `session`.
//! No line ever carries a token. A test of the architecture knows no other field than those of [`ALL`].

macro_rules! fields {
    ($($(#[$meta:meta])* $name:ident = $word:literal,)+) => {
        $($(#[$meta])* pub const $name: &str = $word;)+

        /// Every field.
        pub const ALL: &[&str] = &[$($name,)+];
    };
}

fields! {
    /// The number of the organisation.
    ORGANISATION = "organisation",
    /// A login name.
    USER = "user",
    /// A session's id.
    SESSION = "session",
    /// The number of a connection, within the life of the process.
    LINK = "link",
    /// The id of an HTTP request: the caller's own, or one that was made.
    REQUEST = "request",
    /// The contract's word for the kind of device.
    DEVICE = "device",
    /// The contract's word for why, or what somebody else says why.
    REASON = "reason",
    /// What went wrong, as whoever found it says it.
    ERROR = "error",
    /// What came of it, from a closed set.
    OUTCOME = "outcome",
    /// A close code.
    CODE = "code",
    /// Whether a session was resumed.
    IS_RESUMED = "is_resumed",
    /// How many batches shared a commit.
    BATCHES = "batches",
    /// How many organisations it concerns.
    ORGANISATIONS = "organisations",
    /// How many keys there are.
    KEYS = "keys",
    /// Which key of a set, from 0.
    INDEX = "index",
    /// How long the next attempt waits.
    PAUSE = "pause",
    /// Since when.
    SINCE = "since",
    /// The name of a node.
    NODE = "node",
    /// By how many milliseconds a clock was behind another.
    BEHIND_MS = "behind_ms",
    /// Where the broker listens.
    ADDRESS = "address",
    /// A file or folder.
    FILE = "file",
    /// Who may do what with a file, as `chmod` writes it.
    MODE = "mode",
    /// When a certificate is over.
    NOT_AFTER = "not_after",
    /// What was asked for, where there is less.
    WANTED = "wanted",
    /// How much there is.
    ROOM = "room",
    /// An HTTP method.
    METHOD = "method",
    /// The path of the URL table that answered; never the path that was asked for.
    PATH = "path",
    /// An HTTP status.
    STATUS = "status",
    /// How many milliseconds it took.
    TOOK_MS = "took_ms",
}
