//! Where the next page of a list begins, in a form that callers hand back and do not read.

use crate::problem::{Kind, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt::Display;
use std::str::FromStr;

/// The list that a cursor belongs to; one of another list is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Organisations,
    Users,
    Sessions,
    Holders,
    LicenceUsage,
    Denials,
    Intervals,
    Metrics,
    DeniedDemand,
    Demand,
    Bought,
    Accounts,
    Audit,
    Licences,
    Prices,
    Wallboards,
    ReportFields,
    Advice,
}

impl List {
    const fn mark(self) -> char {
        match self {
            Self::Organisations => 'o',
            Self::Users => 'u',
            Self::Sessions => 's',
            Self::Holders => 'h',
            Self::LicenceUsage => 'l',
            Self::Denials => 'd',
            Self::Intervals => 'i',
            Self::Metrics => 'm',
            Self::DeniedDemand => 'n',
            Self::Demand => 'e',
            Self::Bought => 'b',
            Self::Accounts => 'a',
            Self::Audit => 't',
            Self::Licences => 'c',
            Self::Prices => 'p',
            Self::Wallboards => 'w',
            Self::ReportFields => 'f',
            Self::Advice => 'v',
        }
    }

    /// The cursor after a row with this position.
    pub(super) fn cursor(self, position: impl Display) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}{position}", self.mark()))
    }

    /// The position in a cursor of this list; only what [`Self::cursor`] wrote is taken.
    pub(super) fn position<P: Display + FromStr>(self, cursor: &str) -> Result<P, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let digits = text.as_deref().and_then(|text| text.strip_prefix(self.mark()));
        let position = digits.and_then(|digits| digits.parse::<P>().ok());
        position.filter(|position| self.cursor(position) == cursor).ok_or_else(|| {
            Problem::new(Kind::BadCursor, "the cursor is not one of this list")
                .with("field", "cursor")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_position_is_found_again(position: i64) {
            let cursor = List::Users.cursor(position);
            prop_assert!(cursor.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
            prop_assert_eq!(List::Users.position::<i64>(&cursor).ok(), Some(position));
        }

        #[test]
        fn whatever_else_is_refused_by_its_name(text in ".{0,40}") {
            let refused = List::Users.position::<u64>(&text).err();
            prop_assert_eq!(refused.map(|problem| problem.kind()), Some(Kind::BadCursor));
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = List::Users.cursor(7);
        assert!(List::Denials.position::<i64>(&cursor).is_err());
    }

    #[test]
    fn a_position_that_the_list_cannot_have_is_refused() {
        let cursor = List::Holders.cursor(-1);
        assert!(List::Holders.position::<u64>(&cursor).is_err());
    }
}
