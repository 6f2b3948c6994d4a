//! Versions as entity tags, and what a caller expects by `If-Match`.

use crate::problem::{Kind, Problem};
use actix_web::HttpRequest;
use actix_web::http::header::{HeaderValue, IF_MATCH};

/// No version is as large, so a tag that names none of ours matches nothing.
const NEVER: u64 = u64::MAX;

/// The tag of a version.
pub(super) fn tag(version: u64) -> String {
    format!("\"{version}\"")
}

/// The tag as a header's value.
///
/// # Panics
/// Never: digits between quotes are one.
pub(super) fn value(version: u64) -> HeaderValue {
    HeaderValue::from_str(&tag(version)).expect("digits between quotes are a header's value")
}

/// The version that a change is made for, if the caller says so: `If-Match` with one tag. `*` and no
/// header expect nothing. A weak or a foreign tag matches no version (RFC 9110 §13.1.1).
pub(super) fn expected_version(request: &HttpRequest) -> Result<Option<u64>, Problem> {
    let mut values = request.headers().get_all(IF_MATCH);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => read(value.to_str().unwrap_or_default().trim()),
        (Some(_), Some(_)) => Err(several()),
    }
}

fn read(value: &str) -> Result<Option<u64>, Problem> {
    if value == "*" {
        return Ok(None);
    }
    let opaque = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if value.contains(',') && opaque.is_none_or(|opaque| opaque.contains('"')) {
        return Err(several());
    }
    let version = opaque.and_then(|digits| digits.parse().ok());
    Ok(Some(version.filter(|version: &u64| tag(*version) == value).unwrap_or(NEVER)))
}

fn several() -> Problem {
    Problem::new(Kind::Malformed, "If-Match takes one entity tag here").with("field", "If-Match")
}

/// 412
pub(super) fn changed() -> Problem {
    Problem::new(Kind::Changed, "this was changed after the version that If-Match names")
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn expected(value: &str) -> Option<Option<u64>> {
        let request = TestRequest::get().insert_header((IF_MATCH, value)).to_http_request();
        expected_version(&request).ok()
    }

    #[test]
    fn a_tag_is_read_as_it_is_written() {
        assert_eq!(expected(&tag(42)), Some(Some(42)));
        assert_eq!(expected("*"), Some(None));
        let without = TestRequest::get().to_http_request();
        assert!(matches!(expected_version(&without), Ok(None)));
    }

    #[test]
    fn a_weak_or_foreign_tag_matches_nothing() {
        for foreign in ["W/\"42\"", "42", "\"042\"", "\"abc\"", "\"\"", "\"-1\"", "\"1,2\""] {
            assert_eq!(expected(foreign), Some(Some(NEVER)), "{foreign}");
        }
    }

    #[test]
    fn several_tags_are_refused() {
        assert_eq!(expected("\"1\", \"2\""), None);
        assert_eq!(expected("W/\"1\",\"2\""), None);
    }
}
