//! The parameters of a query. Unknown ones are ignored; of one given twice the last counts.

use super::body::Invalid;
use super::cursor::List;
use super::words;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::{LicenceId, SessionId};
use crate::problem::Problem;
use crate::store::Range;
use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT;
use actix_web::web::Query;
use chrono::{DateTime, Utc};
use std::fmt::Display;
use std::str::FromStr;

/// Rows of a page where the caller does not say.
const LIMIT_DEFAULT: u32 = 100;

/// What a caller asks for behind the question mark.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn of(request: &HttpRequest) -> Self {
        Self::of_query(request.query_string())
    }

    /// As [`Self::of`], of the text behind the question mark.
    pub(super) fn of_query(query: &str) -> Self {
        let pairs = Query::<Vec<(String, String)>>::from_query(query);
        Self(pairs.map(Query::into_inner).unwrap_or_default())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that `read` understands or refuses.
    pub(super) fn read<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Invalid> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| Invalid::new(name, format!("must be {expected}")))
    }

    /// A word of a closed vocabulary.
    pub(super) fn word<T: Copy>(
        &self,
        name: &str,
        all: &[T],
        word_of: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, Invalid> {
        let words: Vec<&str> = all.iter().map(|value| word_of(*value)).collect();
        let find = |word: &str| all.iter().copied().find(|value| word_of(*value) == word);
        self.read(name, &format!("one of: {}", words.join(", ")), find)
    }

    /// The licence type with a key.
    pub(super) fn licence(&self, catalogue: &Catalogue) -> Result<Option<LicenceId>, Invalid> {
        self.read("licence", "the key of a licence type", |key| catalogue.find(key))
    }

    pub(super) fn session(&self) -> Result<Option<SessionId>, Invalid> {
        self.read("session", "the id of a session", words::read_session)
    }

    /// `from` (inclusive) to `to` (exclusive).
    pub(super) fn range(&self) -> Result<Range, Invalid> {
        let from = self.read("from", "a time in RFC 3339", instant)?;
        let to = self.read("to", "a time in RFC 3339", instant)?;
        match (from, to) {
            (Some(first), Some(last)) if first > last => {
                Err(Invalid::new("from", "must not be later than `to`"))
            }
            _ => Ok(Range { from, to }),
        }
    }

    /// How many rows: as many as asked for, at most `max`, however large the number is.
    pub(super) fn limit(&self, max: u32) -> Result<u32, Invalid> {
        let limit = self.read("limit", "a positive integer", |text| positive(text, max))?;
        Ok(limit.unwrap_or(LIMIT_DEFAULT).min(max))
    }

    /// Where the page begins.
    pub(super) fn after<P: Display + FromStr>(&self, list: List) -> Result<Option<P>, Problem> {
        self.get("cursor").map(|cursor| list.position(cursor)).transpose()
    }

    /// Whether the answer is to be CSV: `format` decides, else `Accept`.
    pub(super) fn wants_csv(&self, request: &HttpRequest) -> Result<bool, Invalid> {
        let format = self.read("format", "csv or json", |word| match word {
            "csv" => Some(true),
            "json" => Some(false),
            _ => None,
        })?;
        let accepts = || {
            let header = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
            header.is_some_and(prefers_csv)
        };
        Ok(format.unwrap_or_else(accepts))
    }
}

/// The number that digits say, at most `max`; `None` for 0 and for whatever is no number.
fn positive(digits: &str, max: u32) -> Option<u32> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Digits alone fail to be a number only by being too many.
    Some(digits.parse().unwrap_or(max).min(max)).filter(|limit| *limit > 0)
}

/// RFC 3339; a `+` that was not percent-encoded arrives as a blank.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let read = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    let found = read(text).or_else(|| read(&text.replace(' ', "+")))?;
    Some(found.with_timezone(&Utc))
}

/// Whether an `Accept` header names CSV, and nothing that this API also has more eagerly.
fn prefers_csv(accept: &str) -> bool {
    let quality = |wanted: &str| {
        accept.split(',').find_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_wanted = parts.next()?.eq_ignore_ascii_case(wanted);
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
            is_wanted.then(|| weight.unwrap_or(1.0))
        })
    };
    let csv = quality("text/csv").unwrap_or(0.0);
    csv > 0.0 && csv >= quality("application/json").unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reason::UsageType;
    use actix_web::test::TestRequest;

    fn parameters(query: &str) -> Parameters {
        Parameters::of(&TestRequest::with_uri(&format!("/x?{query}")).to_http_request())
    }

    fn refused<T: std::fmt::Debug>(result: Result<T, Invalid>) -> String {
        result.expect_err("refused").field
    }

    #[test]
    fn a_limit_is_positive_and_bounded() {
        assert_eq!(parameters("").limit(1_000), Ok(100));
        assert_eq!(parameters("limit=1000").limit(1_000), Ok(1_000));
        assert_eq!(parameters("limit=4000000000").limit(1_000), Ok(1_000));
        assert_eq!(parameters("limit=5&limit=7").limit(1_000), Ok(7));
        assert_eq!(parameters("limit=99999999999999999999999").limit(1_000), Ok(1_000));
        for wrong in ["0", "-1", "+1", "x", "", "1.5", "00"] {
            assert_eq!(refused(parameters(&format!("limit={wrong}")).limit(1_000)), "limit");
        }
    }

    #[test]
    fn a_range_is_read_with_or_without_an_encoded_offset() {
        let noon: DateTime<Utc> = "2026-03-06T12:00:00Z".parse().expect("an instant");
        for text in [
            "2026-03-06T12:00:00Z",
            "2026-03-06T13:00:00%2B01:00",
            "2026-03-06T13:00:00+01:00",
            "2026-03-06T12:00:00.000z",
        ] {
            let range = parameters(&format!("from={text}&to={text}")).range().expect("a range");
            assert_eq!((range.from, range.to), (Some(noon), Some(noon)), "{text}");
        }
    }

    #[test]
    fn a_range_that_is_none_is_named() {
        let (early, late) = ("2026-03-06T12:00:00Z", "2026-03-06T12:00:01Z");
        assert_eq!(refused(parameters(&format!("from={late}&to={early}")).range()), "from");
        assert_eq!(refused(parameters("from=yesterday").range()), "from");
        assert_eq!(refused(parameters("to=2026-03-06").range()), "to");
        assert_eq!(refused(parameters("to=").range()), "to");
    }

    #[test]
    fn a_word_that_is_not_in_the_vocabulary_is_named() {
        let word = |query| parameters(query).word("usage_type", UsageType::ALL, UsageType::as_str);
        assert_eq!(word("usage_type=Released"), Ok(Some(UsageType::Released)));
        assert_eq!(word(""), Ok(None));
        assert_eq!(refused(word("usage_type=released")), "usage_type");
        assert_eq!(refused(word("usage_type=")), "usage_type");
    }

    #[test]
    fn csv_is_sent_to_those_who_ask_for_it() {
        assert!(prefers_csv("text/csv"));
        assert!(prefers_csv("Text/CSV;q=0.9, */*;q=0.1"));
        assert!(prefers_csv("text/csv, application/json"));
        for other in ["", "*/*", "text/*", "application/json, text/csv;q=0.5", "text/csv;q=0"] {
            assert!(!prefers_csv(other), "{other}");
        }
    }

    #[test]
    fn a_format_outweighs_the_accepted_types() {
        let wants = |query: &str| {
            let request = TestRequest::with_uri(&format!("/x?{query}"))
                .insert_header((ACCEPT, "text/csv"))
                .to_http_request();
            Parameters::of(&request).wants_csv(&request)
        };
        assert_eq!(wants(""), Ok(true));
        assert_eq!(wants("format=json"), Ok(false));
        assert_eq!(refused(wants("format=xml")), "format");
    }
}
