//! Bodies: read within a bound, then field by field, so that whatever is wrong has a name.

use crate::broker::Broker;
use crate::limits::bound::Bound;
use crate::limits::{Limits, PIECE_BYTES};
use crate::problem::{Kind, Problem};
use crate::telemetry::count_bound;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// A field that is not what it must be, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    /// Its name; of a field within a list with the path to it.
    pub(super) field: String,
    /// For people.
    pub(super) reason: String,
}

impl Invalid {
    pub(super) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::field(invalid.field, invalid.reason)
    }
}

/// The whole body, if it has at most `max_bytes` and comes in time.
pub(super) async fn read(
    request: &HttpRequest,
    mut payload: web::Payload,
    max_bytes: usize,
) -> Result<Bytes, Problem> {
    let limits = request.app_data::<web::Data<Broker>>().map(|broker| &broker.limits);
    let time = limits.map_or(Limits::default().body_timeout, |limits| limits.body_timeout);
    let too_large = || {
        count_bound(Bound::BodyBytes);
        let detail = format!("at most {max_bytes} bytes are taken here");
        Problem::new(Kind::TooLarge, detail)
    };
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared: Option<u64> = declared.and_then(|digits| digits.parse().ok());
    if declared.is_some_and(|bytes| usize::try_from(bytes).is_ok_and(|bytes| bytes > max_bytes)) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    loop {
        let limit = (body.len() + PIECE_BYTES).min(max_bytes + 1);
        let piece = tokio::time::timeout(time, gather(&mut payload, &mut body, limit));
        match piece.await.map_err(|_| too_slow())? {
            Ok(_) if body.len() > max_bytes => return Err(too_large()),
            Ok(End::Reached) => return Ok(body.freeze()),
            Ok(End::ToCome) => {}
            Err(_) => {
                let detail = "the body could not be read to its end";
                return Err(Problem::new(Kind::Malformed, detail));
            }
        }
    }
}

/// Whether more of a body is to come.
enum End {
    Reached,
    ToCome,
}

/// Adds to the body what comes, until it has `limit` bytes.
async fn gather(
    payload: &mut web::Payload,
    body: &mut BytesMut,
    limit: usize,
) -> Result<End, PayloadError> {
    while body.len() < limit {
        match payload.next().await {
            Some(chunk) => body.extend_from_slice(&chunk?),
            None => return Ok(End::Reached),
        }
    }
    Ok(End::ToCome)
}

fn too_slow() -> Problem {
    count_bound(Bound::BodyTimeout);
    Problem::new(Kind::RequestTimeout, "the body did not come in time")
}

/// The media type of the body, small letters, without parameters; `None` if the request has none.
pub(super) fn media_type(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(CONTENT_TYPE)?.to_str().unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default();
    Some(essence.trim().to_ascii_lowercase())
}

/// A JSON object. A body without a media type is taken for JSON.
pub(super) async fn fields(
    request: &HttpRequest,
    payload: web::Payload,
    max_bytes: usize,
) -> Result<Fields, Problem> {
    object(&json(request, payload, max_bytes).await?)
}

/// As [`fields`], and no body at all is an object without fields.
pub(super) async fn optional_fields(
    request: &HttpRequest,
    payload: web::Payload,
    max_bytes: usize,
) -> Result<Fields, Problem> {
    let body = json(request, payload, max_bytes).await?;
    if body.is_empty() { Ok(Fields::new(Map::new())) } else { object(&body) }
}

async fn json(
    request: &HttpRequest,
    payload: web::Payload,
    max_bytes: usize,
) -> Result<Bytes, Problem> {
    let is_json = |media_type: &String| {
        media_type == "application/json"
            || media_type.starts_with("application/") && media_type.ends_with("+json")
    };
    if media_type(request).is_some_and(|media_type| !is_json(&media_type)) {
        return Err(Problem::new(Kind::UnsupportedMediaType, "this path takes application/json"));
    }
    read(request, payload, max_bytes).await
}

pub(super) fn object(body: &[u8]) -> Result<Fields, Problem> {
    let document: Value = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    match document {
        Value::Object(map) => Ok(Fields::new(map)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Problem::new(Kind::Malformed, "the body is not a JSON object"))
        }
    }
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(Kind::Malformed, format!("the body is not JSON: {error}"))
}

/// A JSON object that is read field by field. Unknown fields are ignored, of a field given twice the
/// last counts, and `null` is a value of the wrong type unless a reader says otherwise.
#[derive(Debug)]
pub(super) struct Fields {
    map: Map<String, Value>,
    /// Stands before the names of fields that are complained about.
    prefix: String,
}

impl Fields {
    pub(super) fn new(map: Map<String, Value>) -> Self {
        Self { map, prefix: String::new() }
    }

    /// A complaint about one of the fields.
    pub(super) fn invalid(&self, name: &str, reason: impl Into<String>) -> Invalid {
        Invalid::new(format!("{}{name}", self.prefix), reason)
    }

    /// A field that must be there.
    pub(super) fn needed<T>(&self, name: &str, read: Option<T>) -> Result<T, Invalid> {
        read.ok_or_else(|| self.invalid(name, "is missing"))
    }

    /// Refuses members that are not among `names`: where a misspelt one would change what is answered.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), Invalid> {
        let unknown = self.map.keys().find(|name| !names.contains(&name.as_str()));
        let why = || format!("is not one of: {}", names.join(", "));
        unknown.map_or(Ok(()), |name| Err(self.invalid(name, why())))
    }

    /// A field of any type.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.map.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Invalid> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.invalid(name, "must be a string")),
        }
    }

    /// A text whose absence and whose `null` mean different things.
    pub(super) fn nullable_text(&self, name: &str) -> Result<Option<Option<&str>>, Invalid> {
        match self.map.get(name) {
            Some(Value::Null) => Ok(Some(None)),
            _ => Ok(self.text(name)?.map(Some)),
        }
    }

    pub(super) fn integer(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, Invalid> {
        let Some(value) = self.map.get(name) else { return Ok(None) };
        let number = value.as_u64().filter(|number| range.contains(number));
        let (low, high) = (range.start(), range.end());
        let complaint = || self.invalid(name, format!("must be an integer from {low} to {high}"));
        number.map(Some).ok_or_else(complaint)
    }

    /// An integer that must be there or be `null`.
    pub(super) fn nullable_integer(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Option<u64>>, Invalid> {
        match self.map.get(name) {
            Some(Value::Null) => Ok(Some(None)),
            _ => Ok(self.integer(name, range)?.map(Some)),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Invalid> {
        let Some(value) = self.map.get(name) else { return Ok(None) };
        let complaint = || self.invalid(name, "must be true or false");
        value.as_bool().map(Some).ok_or_else(complaint)
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, Invalid> {
        let Some(value) = self.map.get(name) else { return Ok(None) };
        let items = value.as_array().map(|items| items.iter().map(Value::as_str).collect());
        let texts: Option<Vec<&str>> = items.flatten();
        texts.map(Some).ok_or_else(|| self.invalid(name, "must be a list of strings"))
    }

    /// The objects of a list that must be there, each with its place in the names of its fields.
    pub(super) fn objects(mut self, name: &str, max: usize) -> Result<Vec<Self>, Invalid> {
        let items = match self.map.remove(name) {
            Some(Value::Array(items)) => items,
            Some(_) => return Err(self.invalid(name, "must be a list of objects")),
            None => return Err(self.invalid(name, "is missing")),
        };
        if items.len() > max {
            return Err(self.invalid(name, format!("at most {max} at once")));
        }
        let mut objects = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let Value::Object(map) = item else {
                return Err(self.invalid(&format!("{name}[{index}]"), "must be an object"));
            };
            objects.push(Self { map, prefix: format!("{name}[{index}].") });
        }
        Ok(objects)
    }
}

/// A text of `min` to `max` characters without control characters; what is wrong with it otherwise.
pub(super) fn check_text(text: &str, min: usize, max: usize) -> Result<(), String> {
    let length = text.chars().take(max + 1).count();
    if length < min || length > max {
        return Err(format!("must have {min} to {max} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("must not have control characters".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::FromRequest as _;
    use actix_web::test::TestRequest;
    use std::time::Duration;

    fn fields_of(text: &str) -> Fields {
        Fields::new(serde_json::from_str(text).expect("an object"))
    }

    async fn ask(media_type: Option<&str>, body: &str, max_bytes: usize) -> Result<Fields, Kind> {
        let mut request = TestRequest::post().set_payload(body.to_owned());
        if let Some(media_type) = media_type {
            request = request.insert_header((CONTENT_TYPE, media_type));
        }
        let (request, mut payload) = request.to_http_parts();
        let payload = web::Payload::from_request(&request, &mut payload).await.expect("a payload");
        fields(&request, payload, max_bytes).await.map_err(|problem| problem.kind())
    }

    #[actix_web::test]
    async fn a_body_is_judged_by_type_then_size_then_syntax() {
        let kind = async |media_type, body: &str| ask(media_type, body, 10_000).await.err();
        assert_eq!(kind(Some("application/json; charset=utf-8"), "{}").await, None);
        assert_eq!(kind(Some("application/merge-patch+json"), "{}").await, None);
        assert_eq!(kind(None, "{}").await, None);
        assert_eq!(kind(Some("text/plain"), "{}").await, Some(Kind::UnsupportedMediaType));
        assert_eq!(ask(None, "{\"a\":1}", 6).await.err(), Some(Kind::TooLarge));
        assert!(ask(None, "{\"a\":1}", 7).await.is_ok());
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(2_000), "]".repeat(2_000));
        for broken in ["", "{", "[]", "null", "{\"a\":1,}", "{\"a\":\"\\ud800\"}", &deep] {
            assert_eq!(kind(None, broken).await, Some(Kind::Malformed), "{broken}");
        }
    }

    /// What is made of a body that comes in pieces of `bytes`, one each second.
    async fn ask_slowly(bytes: usize, pieces: usize) -> Result<usize, Kind> {
        let (mut sender, payload) = actix_http::h1::Payload::create(false);
        let sending = async move {
            for _ in 0..pieces {
                tokio::time::sleep(Duration::from_secs(1)).await;
                sender.feed_data(vec![b' '; bytes].into());
            }
            sender.feed_eof();
        };
        let request = TestRequest::post().to_http_request();
        let mut payload = actix_web::dev::Payload::from(payload);
        let payload = web::Payload::from_request(&request, &mut payload).await.expect("a payload");
        let (read, ()) = tokio::join!(read(&request, payload, 10 * PIECE_BYTES), sending);
        read.map(|body| body.len()).map_err(|problem| problem.kind())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_be_slow_and_not_a_trickle() {
        let time = Limits::default().body_timeout.as_secs();
        let (time, steady) = (usize::try_from(time).expect("seconds"), PIECE_BYTES / 8);
        assert_eq!(ask_slowly(steady, 5 * time).await, Ok(5 * time * steady));
        assert_eq!(ask_slowly(1, time - 1).await, Ok(time - 1));
        assert_eq!(ask_slowly(1, time + 1).await, Err(Kind::RequestTimeout));
        assert_eq!(ask_slowly(steady / 2, 2 * time).await, Err(Kind::RequestTimeout));
        assert_eq!(ask_slowly(PIECE_BYTES, 11).await, Err(Kind::TooLarge));
    }

    #[test]
    fn a_wrong_type_is_named() {
        let fields = fields_of(r#"{"a":7,"b":"x","c":null,"d":["x",7],"e":-1,"f":1.5}"#);
        let named = |invalid: Result<_, Invalid>| invalid.expect_err("wrong").field;
        assert_eq!(named(fields.text("a").map(|_| ())), "a");
        assert_eq!(named(fields.text("c").map(|_| ())), "c");
        assert_eq!(named(fields.integer("b", 0..=9).map(|_| ())), "b");
        assert_eq!(named(fields.texts("d").map(|_| ())), "d");
        assert_eq!(named(fields.integer("e", 0..=9).map(|_| ())), "e");
        assert_eq!(named(fields.integer("f", 0..=9).map(|_| ())), "f");
        assert_eq!(named(fields.integer("a", 0..=6).map(|_| ())), "a");
        assert_eq!(named(fields.needed::<()>("g", None)), "g");
    }

    #[test]
    fn null_and_absence_differ_only_where_asked() {
        let fields = fields_of(r#"{"a":null,"b":"20:00"}"#);
        assert_eq!(fields.nullable_text("a"), Ok(Some(None)));
        assert_eq!(fields.nullable_text("b"), Ok(Some(Some("20:00"))));
        assert_eq!(fields.nullable_text("c"), Ok(None));
    }

    #[test]
    fn of_a_field_given_twice_the_last_counts() {
        assert_eq!(fields_of(r#"{"a":"x","a":"y"}"#).text("a"), Ok(Some("y")));
    }

    #[test]
    fn fields_within_a_list_are_named_with_their_place() {
        let objects = fields_of(r#"{"tokens":[{},{"sub":7}]}"#).objects("tokens", 2);
        let objects = objects.expect("two objects");
        let invalid = objects[1].text("sub").expect_err("a number");
        assert_eq!(invalid.field, "tokens[1].sub");
        let named = |text: &str| fields_of(text).objects("tokens", 1).expect_err("wrong").field;
        assert_eq!(named(r#"{"tokens":[{},{}]}"#), "tokens");
        assert_eq!(named(r#"{"tokens":{}}"#), "tokens");
        assert_eq!(named(r#"{"tokens":[7]}"#), "tokens[0]");
        assert_eq!(named("{}"), "tokens");
    }

    #[test]
    fn texts_are_counted_in_characters_and_have_no_controls() {
        assert_eq!(check_text(&"字".repeat(128), 1, 128), Ok(()));
        assert!(check_text(&"字".repeat(129), 1, 128).is_err());
        assert!(check_text("", 1, 128).is_err());
        assert!(check_text("a\u{85}", 1, 128).is_err());
        assert!(check_text("a\n", 1, 128).is_err());
    }
}
