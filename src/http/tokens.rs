//! `POST /v1/tokens`: tokens for users, many in one call; all of them or none.

use super::body::{self, Fields, Invalid};
use super::gate::Caller;
use crate::auth::claims::{SUBJECT_MAX_BYTES, is_subject};
use crate::auth::{Claims, IssueError, Role};
use crate::broker::Broker;
use crate::domain::ids::OrganisationId;
use crate::problem::{Answer, Kind, Problem};
use crate::thread_priority;
use actix_web::web::{Data, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// The longest life of a token: 31 days.
const TTL_MAX_S: u64 = 31 * 24 * 60 * 60;
const TTL_DEFAULT_S: u64 = 60 * 60;

#[derive(Serialize)]
struct Issued {
    sub: Arc<str>,
    token: String,
}

pub(super) async fn issue(
    request: HttpRequest,
    broker: Data<Broker>,
    caller: ReqData<Caller>,
    body: Payload,
) -> Answer {
    // The number of an organisation that was deleted may be given anew.
    if caller.0.organisation.is_some_and(|own| !broker.directory.exists(own)) {
        return Err(Problem::not_found("there is no such organisation"));
    }
    let fields = body::fields(&request, body, broker.limits.tokens_body_max_bytes).await?;
    let now = broker.clock.now().at;
    let asked = fields.objects("tokens", broker.limits.tokens_per_call_max)?;
    let claims = asked.iter().map(|fields| claims(fields, &caller.0, now));
    let claims = claims.collect::<Result<Vec<Claims>, Problem>>()?;
    // Twenty thousand signatures are no work for a thread that also serves sockets.
    let signed = thread_priority::blocking(move || {
        let sign = |claims: Claims| {
            let token = broker.authenticator.issue(&claims, now)?;
            Ok(Issued { sub: claims.subject, token })
        };
        claims.into_iter().map(sign).collect::<Result<Vec<Issued>, IssueError>>()
    });
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "tokens could not be issued");
        Problem::new(Kind::Internal, "the tokens could not be signed")
    };
    let items = signed.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    Ok(HttpResponse::Ok().json(json!({"items": items})))
}

/// What one of the tokens is to say, if the caller may have it.
pub(super) fn claims(
    fields: &Fields,
    caller: &Claims,
    now: DateTime<Utc>,
) -> Result<Claims, Problem> {
    let role = fields.needed("role", fields.text("role")?)?;
    let role = Role::from_word(role).ok_or_else(|| {
        let words: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        fields.invalid("role", format!("must be one of: {}", words.join(", ")))
    })?;
    let ttl_s = fields.integer("ttl_s", 1..=TTL_MAX_S)?.unwrap_or(TTL_DEFAULT_S);
    let ttl = i64::try_from(ttl_s).ok().and_then(TimeDelta::try_seconds);
    Ok(Claims {
        subject: subject(fields)?,
        organisation: organisation(fields, role, caller)?,
        role,
        expires_at: now + fields.needed("ttl_s", ttl)?,
    })
}

fn subject(fields: &Fields) -> Result<Arc<str>, Invalid> {
    let subject = fields.needed("sub", fields.text("sub")?)?;
    if is_subject(subject) {
        return Ok(subject.into());
    }
    let reason = format!("must have 1 to {SUBJECT_MAX_BYTES} bytes and no control characters");
    Err(fields.invalid("sub", reason))
}

/// An administrator's tokens are for their own organisation, whether they say so or not.
fn organisation(
    fields: &Fields,
    role: Role,
    caller: &Claims,
) -> Result<Option<OrganisationId>, Problem> {
    let number = fields.integer("org", 1..=OrganisationId::MAX)?;
    let asked = number.and_then(OrganisationId::new);
    if let Some(own) = caller.organisation {
        if role == Role::Operator {
            return Err(Problem::forbidden("an operator's token is for operators to issue"));
        }
        if asked.is_some_and(|asked| asked != own) {
            return Err(Problem::forbidden("tokens for another organisation"));
        }
        return Ok(Some(own));
    }
    match (role, asked) {
        (Role::Operator, None) => Ok(None),
        (Role::Operator, Some(_)) => {
            Err(fields.invalid("org", "an operator has no organisation").into())
        }
        (Role::Device | Role::Wallboard | Role::Supervisor | Role::Admin, None) => {
            Err(fields.invalid("org", "is missing").into())
        }
        (Role::Device | Role::Wallboard | Role::Supervisor | Role::Admin, some) => Ok(some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn caller(role: Role, organisation: Option<u64>) -> Claims {
        Claims {
            subject: "someone".into(),
            organisation: organisation.and_then(OrganisationId::new),
            role,
            expires_at: DateTime::UNIX_EPOCH,
        }
    }

    fn operator() -> Claims {
        caller(Role::Operator, None)
    }

    fn ask(value: &Value, caller: &Claims) -> Result<Claims, Problem> {
        let fields = Fields::new(value.as_object().expect("an object").clone());
        claims(&fields, caller, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_token_lives_for_an_hour_unless_told() {
        let claims = ask(&json!({"sub": "edred", "org": 129, "role": "device"}), &operator());
        let claims = claims.expect("permitted");
        assert_eq!((claims.role, claims.organisation), (Role::Device, OrganisationId::new(129)));
        assert_eq!(claims.expires_at.timestamp(), 3_600);
    }

    #[test]
    fn an_administrator_issues_for_their_own_organisation_and_never_an_operator() {
        let admin = caller(Role::Admin, Some(129));
        let role = |role: &str| json!({"sub": "x", "role": role});
        for permitted in ["device", "wallboard", "supervisor", "admin"] {
            let claims = ask(&role(permitted), &admin).expect("permitted");
            assert_eq!(claims.organisation, OrganisationId::new(129));
        }
        let kind = |value: &Value| ask(value, &admin).map_err(|problem| problem.kind()).err();
        assert_eq!(kind(&role("operator")), Some(Kind::Forbidden));
        let other = json!({"sub": "x", "role": "device", "org": 130});
        assert_eq!(kind(&other), Some(Kind::Forbidden));
    }

    #[test]
    fn an_operator_says_for_which_organisation_except_for_operators() {
        let kind = |value: &Value| ask(value, &operator()).map_err(|problem| problem.kind()).err();
        assert_eq!(kind(&json!({"sub": "x", "role": "operator"})), None);
        assert_eq!(
            kind(&json!({"sub": "x", "role": "operator", "org": 1})),
            Some(Kind::Validation)
        );
        assert_eq!(kind(&json!({"sub": "x", "role": "admin"})), Some(Kind::Validation));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for (name, wrong) in [
            ("sub", json!("")),
            ("sub", json!("x".repeat(SUBJECT_MAX_BYTES + 1))),
            ("sub", json!("a\nb")),
            ("sub", json!(7)),
            ("org", json!(0)),
            ("org", json!("129")),
            ("role", json!("root")),
            ("role", json!(null)),
            ("ttl_s", json!(0)),
            ("ttl_s", json!(TTL_MAX_S + 1)),
            ("ttl_s", json!(1.5)),
        ] {
            let mut value = json!({"sub": "edred", "org": 129, "role": "device"});
            value[name] = wrong;
            let problem = ask(&value, &operator()).expect_err("wrong");
            assert_eq!(problem.kind(), Kind::Validation, "{value}");
        }
    }
}
