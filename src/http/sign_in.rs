//! `POST /v1/auth/login`, and how somebody proves that an account is theirs (SPEC §9).
//!
//! Whatever is wrong, the answer is one and the same, and takes as long: nobody learns which names have
//! accounts, or that a password was right.

use super::account_tokens;
use super::body::{self, Fields, Invalid};
use super::words;
use crate::auth::account::{Evidence, Verdict};
use crate::auth::editions::Edition;
use crate::auth::hashing::HashingError;
use crate::auth::{Account, Claims};
use crate::broker::Broker;
use crate::domain::ids::OrganisationId;
use crate::problem::{Answer, Kind, Problem};
use crate::store::accounts::SignIn;
use crate::telemetry;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::TimeDelta;
use serde_json::json;

/// How long the token of a sign-in lives: a working day with room on both sides.
const TOKEN_LIFE: TimeDelta = TimeDelta::hours(12);

/// Whose account somebody says is theirs, and what they show for it.
pub(super) struct Proof<'a> {
    pub(super) organisation: Option<OrganisationId>,
    pub(super) user: &'a str,
    pub(super) password: &'a str,
    pub(super) code: &'a str,
}

pub(super) async fn sign_in(request: HttpRequest, broker: Data<Broker>, body: Payload) -> Answer {
    let fields = body::fields(&request, body, broker.limits.body_max_bytes).await?;
    let proof = read(&fields)?;
    broker.admission.sign_in(request.peer_addr().map(|peer| peer.ip()))?;
    let account = prove(&broker, proof).await?;
    let now = broker.clock.now().at;
    let claims = Claims {
        subject: account.user.clone(),
        organisation: account.organisation,
        role: account.role,
        expires_at: now + TOKEN_LIFE,
    };
    let edition = Edition::of(&account);
    let token = broker.authenticator.issue_to_account(&claims, edition, now).map_err(|error| {
        tracing::error!(%error, "a token could not be issued");
        Problem::new(Kind::Internal, "the token could not be signed")
    })?;
    Ok(HttpResponse::Ok().json(json!({
        "token": token,
        "role": account.role.as_str(),
        "organisation": account.organisation.map(OrganisationId::get),
        "user": account.user,
        "expires_at": words::instant(claims.expires_at),
    })))
}

pub(super) fn read(fields: &Fields) -> Result<Proof<'_>, Invalid> {
    let number = fields.nullable_integer("organisation", 1..=OrganisationId::MAX)?;
    Ok(Proof {
        organisation: fields.needed("organisation", number)?.and_then(OrganisationId::new),
        user: fields.needed("user", fields.text("user")?)?,
        password: fields.needed("password", fields.text("password")?)?,
        code: fields.needed("code", fields.text("code")?)?,
    })
}

/// The account, if the proof is good; counts it in any case.
pub(super) async fn prove(broker: &Data<Broker>, proof: Proof<'_>) -> Result<Account, Problem> {
    let account = broker.store.account(proof.organisation, proof.user).await?;
    let credentials = account.as_ref().map(|account| account.credentials.clone());
    let hash = credentials.as_ref().map(|credentials| credentials.password.clone());
    let is_password_right = broker.hashing.is_right(hash, proof.password.to_owned()).await?;
    let at = broker.clock.now().at;
    let secret = credentials.as_ref().map(|credentials| credentials.second_factor);
    // Apps show it in two halves.
    let code = proof.code.replace(' ', "");
    let step = secret.and_then(|secret| secret.step_of(&code, at));
    let sign_in = SignIn {
        organisation: proof.organisation,
        user: proof.user.into(),
        credentials,
        evidence: Evidence { is_password_right, step },
        at,
    };
    let (store, owner) = (broker.store.clone(), (sign_in.organisation, sign_in.user.clone()));
    let judging = async move { store.sign_in(&sign_in).await };
    // A lock is a change.
    let verdict = account_tokens::changing(broker, owner, judging).await?;
    tell(account.as_ref(), verdict);
    match verdict {
        Verdict::Accepted => account.ok_or_else(refused),
        Verdict::Locked => Err(Problem::new(
            Kind::AccountLocked,
            "the account is locked until an administrator resets it",
        )),
        Verdict::Refused | Verdict::RefusedAndLocked => Err(refused()),
    }
}

fn refused() -> Problem {
    Problem::new(Kind::SignInRefused, "organisation, user, password and code do not fit together")
        .header(WWW_AUTHENTICATE, r#"Bearer realm="licence-broker""#)
}

/// For operators. A name that has no account is not written down: it may be a password in the wrong field.
fn tell(account: Option<&Account>, verdict: Verdict) {
    let outcome = match verdict {
        Verdict::Accepted => "accepted",
        Verdict::Refused => "refused",
        Verdict::RefusedAndLocked => "refused_and_locked",
        Verdict::Locked => "locked",
    };
    telemetry::count_sign_in(outcome);
    let Some(account) = account else {
        tracing::info!(outcome, "a sign-in for an account that there is not");
        return;
    };
    let (organisation, user) = (account.organisation.map(OrganisationId::get), &account.user);
    if verdict == Verdict::RefusedAndLocked {
        tracing::warn!(organisation, %user, outcome, "an account is locked from now on");
    } else {
        tracing::info!(organisation, %user, outcome, "a sign-in");
    }
}

impl From<HashingError> for Problem {
    fn from(error: HashingError) -> Self {
        match error {
            HashingError::Overloaded => {
                Self::overloaded("too many passwords are being checked; try again soon")
            }
            HashingError::Failed(_) | HashingError::Lost(_) => {
                tracing::error!(%error, "a password could not be hashed");
                Self::new(Kind::Internal, "the password could not be checked")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn asked(value: &Value) -> Result<Option<u64>, String> {
        let fields = Fields::new(value.as_object().expect("an object").clone());
        read(&fields)
            .map(|proof| proof.organisation.map(OrganisationId::get))
            .map_err(|invalid| invalid.field)
    }

    fn good() -> Value {
        json!({"organisation": 129, "user": "alice", "password": "p", "code": "123456"})
    }

    #[test]
    fn an_operator_of_the_platform_has_no_organisation_and_says_so() {
        assert_eq!(asked(&good()), Ok(Some(129)));
        let mut operator = good();
        operator["organisation"] = Value::Null;
        assert_eq!(asked(&operator), Ok(None));
    }

    #[test]
    fn a_field_that_is_missing_or_of_another_type_is_named() {
        for field in ["organisation", "user", "password", "code"] {
            let mut value = good();
            value[field] = json!([]);
            assert_eq!(asked(&value), Err(field.to_owned()));
            value.as_object_mut().expect("an object").remove(field);
            assert_eq!(asked(&value), Err(field.to_owned()));
        }
        for (field, wrong) in [
            ("organisation", json!("129")),
            ("organisation", json!(0)),
            ("user", Value::Null),
            ("code", json!(123_456)),
        ] {
            let mut value = good();
            value[field] = wrong;
            assert_eq!(asked(&value), Err(field.to_owned()));
        }
    }
}
