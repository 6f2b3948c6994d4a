//! Why an attempt to log in or to resume was not served, and whether it may be made again.

use crate::limits::MOVED;
use crate::session::code_in_words;
use crate::socket::NotOpened;

/// Why an attempt did not succeed; in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotServed {
    /// It may be made again after a while.
    Later(String),
    /// It may not: what was held is lost.
    Never(String),
}

impl NotServed {
    pub(super) fn of_upgrade(error: NotOpened) -> Self {
        match error {
            NotOpened::Http(503) => Self::Later("HTTP 503".to_owned()),
            NotOpened::Http(status) => Self::Never(format!("HTTP {status}")),
            NotOpened::Transport(why) => Self::Later(why),
        }
    }

    /// Whether somebody else is to be asked, who is known.
    pub(super) fn is_elsewhere(&self) -> bool {
        *self == Self::of_close(Some(MOVED))
    }

    /// A machine may try again after 1001 and 4000 to 4499, but for those that a person has to be asked
    /// about.
    pub(super) fn of_close(code: Option<u16>) -> Self {
        let words = code_in_words(code);
        match code {
            None | Some(1001 | 1006 | 4000..=4009 | 4012..=4499) => Self::Later(words),
            Some(_) => Self::Never(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_may_try_again_is_tried_again() {
        let later = |words: &str| NotServed::Later(words.to_owned());
        let never = |words: &str| NotServed::Never(words.to_owned());
        for code in [1001, 4000, 4001, 4003, 4004] {
            assert_eq!(NotServed::of_close(Some(code)), later(&code.to_string()));
        }
        for code in [1000, 4010, 4011, 4502, 4504, 4508] {
            assert_eq!(NotServed::of_close(Some(code)), never(&code.to_string()));
        }
        assert_eq!(NotServed::of_upgrade(NotOpened::Http(503)), later("HTTP 503"));
        assert_eq!(NotServed::of_upgrade(NotOpened::Http(401)), never("HTTP 401"));
    }
}
