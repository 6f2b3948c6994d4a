//! What goes wrong, as RFC 9457 `application/problem+json`.
//!
//! One table: the last part of `type` (stable, what a machine looks at), the status and the title.

use crate::actor::directory::AskError;
use crate::auth::TokenRejected;
use crate::limits::bound::Bound;
use crate::store::StoreError;
use crate::telemetry;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Map, Value, json};
use std::fmt;

/// Seconds after which a caller that was refused for load may try again.
const RETRY_AFTER_S: u32 = 1;

/// Every kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The body is not JSON, or a header cannot be understood.
    Malformed,
    /// A cursor that no answer of this list gave.
    BadCursor,
    /// No token, or one that is worth nothing.
    Unauthorised,
    /// The sign-in fits no account that may be used; nobody is told why.
    SignInRefused,
    /// The sign-in was right, and the account is locked.
    AccountLocked,
    /// The role may not do this.
    Forbidden,
    /// There is no such path, or no such thing.
    NotFound,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// The name or number is taken.
    Exists,
    /// More fixed seats would be assigned than were bought.
    FixedExhausted,
    /// No base licence is available, or more are bound than would be bought.
    BaseExhausted,
    /// As many wallboards are configured as may be, or more than would be.
    WallboardsExhausted,
    /// The organisation has as many users as it may.
    TooManyUsers,
    /// The organisation has as many accounts as it may.
    TooManyAccounts,
    /// `If-Match` names an older version.
    Changed,
    /// The request did not come in time.
    RequestTimeout,
    /// The body is larger than this path takes.
    TooLarge,
    /// The body is of another type than this path takes.
    UnsupportedMediaType,
    /// A field or parameter is not what it must be.
    Validation,
    /// Rows of an atomic import were rejected, so nothing was changed.
    ImportRejected,
    /// This path is a WebSocket, and the request asks for none.
    UpgradeRequired,
    /// Another node decides for the organisation.
    Moved,
    /// Something broke that should not.
    Internal,
    /// Too much is under way.
    Overloaded,
    /// What is needed to decide or to read is not there at the moment.
    Unavailable,
}

impl Kind {
    const fn entry(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST, "Malformed request"),
            Self::BadCursor => ("bad_cursor", StatusCode::UNPROCESSABLE_ENTITY, "Unknown cursor"),
            Self::Unauthorised => ("unauthorised", StatusCode::UNAUTHORIZED, "Token needed"),
            Self::SignInRefused => ("sign_in_refused", StatusCode::UNAUTHORIZED, "Wrong sign-in"),
            Self::AccountLocked => ("account_locked", StatusCode::FORBIDDEN, "Account locked"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "Not permitted"),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => {
                ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
            }
            Self::Exists => ("exists", StatusCode::CONFLICT, "Already there"),
            Self::FixedExhausted => {
                ("fixed_exhausted", StatusCode::CONFLICT, "Not enough fixed seats")
            }
            Self::BaseExhausted => {
                ("base_exhausted", StatusCode::CONFLICT, "Not enough base licences")
            }
            Self::WallboardsExhausted => {
                ("wallboards_exhausted", StatusCode::CONFLICT, "Not enough wallboards")
            }
            Self::TooManyUsers => ("too_many_users", StatusCode::CONFLICT, "Too many users"),
            Self::TooManyAccounts => {
                ("too_many_accounts", StatusCode::CONFLICT, "Too many accounts")
            }
            Self::Changed => ("changed", StatusCode::PRECONDITION_FAILED, "Changed meanwhile"),
            Self::RequestTimeout => {
                ("request_timeout", StatusCode::REQUEST_TIMEOUT, "Request took too long")
            }
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, "Body too large"),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported media type",
            ),
            Self::Validation => {
                ("validation", StatusCode::UNPROCESSABLE_ENTITY, "Not a valid value")
            }
            Self::ImportRejected => {
                ("import_rejected", StatusCode::UNPROCESSABLE_ENTITY, "Nothing was imported")
            }
            Self::UpgradeRequired => {
                ("upgrade_required", StatusCode::UPGRADE_REQUIRED, "WebSocket needed")
            }
            Self::Moved => ("moved", StatusCode::TEMPORARY_REDIRECT, "Served elsewhere"),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
            Self::Overloaded => ("overloaded", StatusCode::SERVICE_UNAVAILABLE, "Overloaded"),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
        }
    }
}

/// One problem, on its way to whoever asked.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    detail: String,
    /// Members beside those of RFC 9457; `field` among them.
    members: Map<String, Value>,
    headers: Vec<(HeaderName, String)>,
}

/// The answer of every handler.
pub type Answer = Result<HttpResponse, Problem>;

impl Problem {
    /// A problem of this kind; `detail` is for people and may change.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (members, headers) = (Map::new(), Vec::new());
        Self(Box::new(Inner { kind, detail: detail.into(), members, headers }))
    }

    /// Another member of the document.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// What kind it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// A field of the body or a parameter of the query that is not what it must be.
    pub fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Kind::Validation, detail).with("field", field.into())
    }

    /// 401. The reason is in the log alone, except that an expired token is called that.
    pub fn unauthorised(has_token: bool, detail: &str) -> Self {
        let challenge = if has_token {
            r#"Bearer realm="licence-broker", error="invalid_token""#
        } else {
            r#"Bearer realm="licence-broker""#
        };
        Self::new(Kind::Unauthorised, detail).header(WWW_AUTHENTICATE, challenge)
    }

    /// 403
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, detail)
    }

    /// 404, for a path and for a thing alike.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, detail)
    }

    /// 405 with the methods that there are.
    pub fn method_not_allowed(allowed: &str) -> Self {
        let detail = format!("this path takes {allowed}");
        Self::new(Kind::MethodNotAllowed, detail).header(ALLOW, allowed)
    }

    /// 503: a bound is reached.
    pub fn overloaded(detail: &str) -> Self {
        Self::new(Kind::Overloaded, detail).header(RETRY_AFTER, RETRY_AFTER_S.to_string())
    }

    /// 503: the broker takes nothing new.
    pub fn stopping() -> Self {
        Self::new(Kind::Unavailable, "the broker is not taking connections at the moment")
            .header(RETRY_AFTER, RETRY_AFTER_S.to_string())
    }

    /// 307: the same is to be asked of another node.
    pub fn moved(url: String) -> Self {
        let detail = "another node decides for this organisation";
        Self::new(Kind::Moved, detail).header(LOCATION, url)
    }

    fn document(&self) -> Value {
        let (name, status, title) = self.0.kind.entry();
        let mut document = json!({
            "type": format!("/problems/{name}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.0.detail,
        });
        for (name, value) in &self.0.members {
            document[name] = value.clone();
        }
        if let Some(id) = telemetry::request::current() {
            document["request_id"] = (*id).into();
        }
        document
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, status, _) = self.0.kind.entry();
        write!(f, "{} {name}: {}", status.as_u16(), self.0.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.kind.entry().1
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        for (name, value) in &self.0.headers {
            response.insert_header((name.clone(), value.as_str()));
        }
        if self.0.kind == Kind::RequestTimeout {
            // What may still come of it is not waited for.
            response.force_close();
        }
        response.body(self.document().to_string())
    }
}

impl From<Bound> for Problem {
    fn from(bound: Bound) -> Self {
        let name = bound.as_str();
        Self::overloaded(&format!("as many as may be at once ({name}); try again soon"))
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::UnknownOrganisation => Self::not_found("there is no such organisation"),
            AskError::Overloaded => Self::overloaded("too much is under way; try again soon"),
            AskError::Unavailable => {
                Self::new(Kind::Unavailable, "this cannot be decided at the moment")
            }
        }
    }
}

impl From<StoreError> for Problem {
    /// What the store says is for the log, not for the caller.
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a read for the HTTP API failed");
        telemetry::count_store_error("read", error.kind());
        match error {
            StoreError::Aborted(_)
            | StoreError::Refused(_)
            | StoreError::MaybeApplied(_)
            | StoreError::Fenced(_) => {
                Self::new(Kind::Unavailable, "this cannot be read at the moment")
            }
            StoreError::Damaged(_) | StoreError::Corrupt(_) => {
                Self::new(Kind::Internal, "this cannot be read")
            }
        }
    }
}

impl From<TokenRejected> for Problem {
    /// Why exactly is for the log: whoever guesses is told no more than that it was wrong.
    fn from(rejected: TokenRejected) -> Self {
        tracing::debug!(reason = %rejected, "a token was refused");
        let is_expired = rejected == TokenRejected::Expired;
        let detail = if is_expired { "the token has expired" } else { "the token is not valid" };
        Self::unauthorised(true, detail)
    }
}

/// What a path that there is not answers.
pub async fn no_such_path() -> Answer {
    Err(Problem::not_found("there is no such path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_carries_its_type_status_detail_and_field() {
        let document = Problem::field("user", "is empty").document();
        assert_eq!(
            document,
            json!({"type": "/problems/validation", "title": "Not a valid value", "status": 422,
                "detail": "is empty", "field": "user"})
        );
    }

    #[test]
    fn a_problem_is_sent_as_such_with_its_headers() {
        let response = Problem::method_not_allowed("GET, PUT").error_response();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header(CONTENT_TYPE), Some("application/problem+json"));
        assert_eq!(header(ALLOW), Some("GET, PUT"));
    }

    #[test]
    fn only_load_is_answered_with_a_time_to_come_back() {
        let retry = |error: AskError| {
            let response = Problem::from(error).error_response();
            (response.status().as_u16(), response.headers().contains_key(RETRY_AFTER))
        };
        assert_eq!(retry(AskError::Overloaded), (503, true));
        assert_eq!(retry(AskError::Unavailable), (503, false));
        assert_eq!(retry(AskError::UnknownOrganisation), (404, false));
    }
}
