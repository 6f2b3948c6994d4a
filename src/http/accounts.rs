//! `GET POST …/accounts`, `GET PATCH DELETE …/accounts/{user}`, `POST …/accounts/{user}/reset`,
//! `PUT …/accounts/{user}/password`, `PUT /v1/auth/password`: who signs in to the broker itself.
//!
//! A secret is answered once, to whoever made it: when an account is created, and when a reset asks for a
//! new one.

use super::account_tokens;
use super::body::{self, Fields, Invalid, check_text};
use super::cursor::List;
use super::etag;
use super::gate::Caller;
use super::page::Page;
use super::query::Parameters;
use super::sign_in::{Proof, prove};
use super::user_fields::USER_MAX_CHARS;
use super::users::{UserPath, percent_encoded};
use super::words;
use crate::auth::account::Credentials;
use crate::auth::password;
use crate::auth::second_factor::TotpSecret;
use crate::auth::{Account, Claims, Role};
use crate::broker::Broker;
use crate::domain::ids::{OrganisationId, UserName};
use crate::limits::bound::Bound;
use crate::problem::{Answer, Kind, Problem};
use crate::store;
use crate::store::accounts::{AccountChange, By, Changing, Creation, NewAccount};
use crate::telemetry::count_bound;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::{Data, Path, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

/// The roles that an account of an organisation may have.
const ROLES: [Role; 2] = [Role::Supervisor, Role::Admin];

#[derive(Serialize)]
struct Shape {
    user: UserName,
    role: &'static str,
    locked_at: Option<String>,
    created_at: String,
    #[serde(flatten)]
    enrolment: Option<Enrolment>,
}

/// What an authenticator app is told.
#[derive(Serialize)]
struct Enrolment {
    totp_secret: String,
    otpauth_uri: String,
}

impl From<Account> for Shape {
    fn from(account: Account) -> Self {
        Self {
            user: account.user,
            role: account.role.as_str(),
            locked_at: account.standing.locked_at.map(words::instant),
            created_at: words::instant(account.created_at),
            enrolment: None,
        }
    }
}

fn respond(mut response: HttpResponseBuilder, account: Account, is_enrolled: bool) -> HttpResponse {
    response.insert_header((ETAG, etag::tag(account.version)));
    let secret = account.credentials.second_factor;
    let enrolment = is_enrolled.then(|| Enrolment {
        totp_secret: secret.base32(),
        otpauth_uri: secret.uri(&account.user),
    });
    response.json(Shape { enrolment, ..Shape::from(account) })
}

pub(super) async fn list(
    request: HttpRequest,
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
) -> Answer {
    let parameters = Parameters::of(&request);
    let limit = parameters.limit(broker.limits.page_limit_max)?;
    let after = parameters.after(List::Accounts)?.unwrap_or(0);
    let page = store::Page { after, limit: limit + 1 };
    let rows = broker.store.accounts_page(*organisation, page).await?;
    Ok(Page::stored(rows, limit, List::Accounts, Shape::from).respond())
}

pub(super) async fn create(
    request: HttpRequest,
    broker: Data<Broker>,
    caller: ReqData<Caller>,
    organisation: ReqData<OrganisationId>,
    body: Payload,
) -> Answer {
    let fields = body::fields(&request, body, broker.limits.body_max_bytes).await?;
    let user = new_user(&fields)?;
    let role = fields.needed("role", role(&fields, &caller.0)?)?;
    let password = fields.needed("password", new_password(&fields, "password")?)?;
    let new = NewAccount {
        organisation: Some(*organisation),
        user,
        role,
        credentials: Credentials {
            password: broker.hashing.hash(password).await?,
            second_factor: new_secret()?,
        },
    };
    let by = by(&broker, &caller);
    let max = broker.limits.accounts_per_organisation_max;
    let (store, owner) = (broker.store.clone(), (new.organisation, new.user.clone()));
    let creating = async move { store.create_account(&new, max, &by).await };
    match account_tokens::changing(&broker, owner, creating).await? {
        Creation::Created(account) => {
            let mut response = HttpResponse::Created();
            let name = percent_encoded(&account.user);
            let path = format!("/v1/organisations/{}/accounts/{name}", *organisation);
            response.insert_header((LOCATION, path));
            Ok(respond(response, account, true))
        }
        Creation::Exists => {
            Err(Problem::new(Kind::Exists, "the login name is taken").with("field", "user"))
        }
        Creation::TooMany => {
            count_bound(Bound::AccountsPerOrganisation);
            Err(Problem::new(Kind::TooManyAccounts, "the organisation has as many as it may"))
        }
        Creation::NoOrganisation => Err(Problem::not_found("there is no such organisation")),
    }
}

pub(super) async fn show(
    broker: Data<Broker>,
    organisation: ReqData<OrganisationId>,
    path: Path<UserPath>,
) -> Answer {
    Ok(respond(HttpResponse::Ok(), kept(&broker, *organisation, &path).await?, false))
}

pub(super) async fn change(
    request: HttpRequest,
    broker: Data<Broker>,
    caller: ReqData<Caller>,
    organisation: ReqData<OrganisationId>,
    path: Path<UserPath>,
    body: Payload,
) -> Answer {
    let expected_version = etag::expected_version(&request)?;
    // A path that leads nowhere is told before its body is judged.
    let account = kept(&broker, *organisation, &path).await?;
    let fields = body::fields(&request, body, broker.limits.body_max_bytes).await?;
    if fields.text("user")?.is_some_and(|user| user != path.user) {
        return Err(fields.invalid("user", "cannot change").into());
    }
    let Some(role) = role(&fields, &caller.0)? else {
        let is_other = expected_version.is_some_and(|expected| expected != account.version);
        return if is_other {
            Err(etag::changed())
        } else {
            Ok(respond(HttpResponse::Ok(), account, false))
        };
    };
    let by = by(&broker, &caller);
    let change = AccountChange::Role(role);
    let account =
        decide(&broker, Some(*organisation), &path.user, expected_version, &change, &by).await?;
    Ok(respond(HttpResponse::Ok(), account, false))
}

pub(super) async fn remove(
    request: HttpRequest,
    broker: Data<Broker>,
    caller: ReqData<Caller>,
    organisation: ReqData<OrganisationId>,
    path: Path<UserPath>,
) -> Answer {
    let expected_version = etag::expected_version(&request)?;
    let by = by(&broker, &caller);
    let change = AccountChange::Delete;
    decide(&broker, Some(*organisation), &path.user, expected_version, &change, &by).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Unlocks; gives a new password or a new second factor where the body asks for them.
pub(super) async fn reset(
    request: HttpRequest,
    broker: Data<Broker>,
    caller: ReqData<Caller>,
    organisation: ReqData<OrganisationId>,
    path: Path<UserPath>,
    body: Payload,
) -> Answer {
    let expected_version = etag::expected_version(&request)?;
    kept(&broker, *organisation, &path).await?;
    let fields = body::optional_fields(&request, body, broker.limits.body_max_bytes).await?;
    let is_enrolled = fields.flag("new_totp_secret")?.unwrap_or(false);
    let password = match new_password(&fields, "password")? {
        Some(password) => Some(broker.hashing.hash(password).await?),
        None => None,
    };
    let second_factor = if is_enrolled { Some(new_secret()?) } else { None };
    let change = AccountChange::Reset { password, second_factor };
    let by = by(&broker, &caller);
    let account =
        decide(&broker, Some(*organisation), &path.user, expected_version, &change, &by).await?;
    Ok(respond(HttpResponse::Ok(), account, is_enrolled))
}

/// Of the account that the path names, which must be the caller's own.
pub(super) async fn change_password(
    request: HttpRequest,
    broker: Data<Broker>,
    caller: ReqData<Caller>,
    organisation: ReqData<OrganisationId>,
    path: Path<UserPath>,
    body: Payload,
) -> Answer {
    if caller.0.organisation != Some(*organisation) || *caller.0.subject != *path.user {
        // Nor does anybody learn here whose accounts there are.
        return Err(unknown());
    }
    change_own_password(request, broker, caller, body).await
}

/// Of whoever calls, operators of the platform among them. Proved like a sign-in, so that a token that was
/// stolen changes nothing.
pub(super) async fn change_own_password(
    request: HttpRequest,
    broker: Data<Broker>,
    caller: ReqData<Caller>,
    body: Payload,
) -> Answer {
    let expected_version = etag::expected_version(&request)?;
    let fields = body::fields(&request, body, broker.limits.body_max_bytes).await?;
    let old = fields.needed("old", fields.text("old")?)?;
    let new = fields.needed("new", new_password(&fields, "new")?)?;
    let code = fields.needed("code", fields.text("code")?)?;
    let (organisation, user) = (caller.0.organisation, &*caller.0.subject);
    if expected_version.is_some() {
        // Before the code is used up.
        let account = broker.store.account(organisation, user).await?;
        if account.map(|account| account.version) != expected_version {
            return Err(etag::changed());
        }
    }
    let account = prove(&broker, Proof { organisation, user, password: old, code }).await?;
    let change = AccountChange::Password(broker.hashing.hash(new).await?);
    // What was proved holds for the account as it was then, and for no other.
    let version = Some(account.version);
    decide(&broker, organisation, user, version, &change, &by(&broker, &caller)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn by(broker: &Broker, caller: &Caller) -> By {
    By { author: caller.author(), at: broker.clock.now().at }
}

async fn kept(
    broker: &Broker,
    organisation: OrganisationId,
    path: &UserPath,
) -> Result<Account, Problem> {
    broker.store.account(Some(organisation), &path.user).await?.ok_or_else(unknown)
}

async fn decide(
    broker: &Data<Broker>,
    organisation: Option<OrganisationId>,
    user: &str,
    expected_version: Option<u64>,
    change: &AccountChange,
    by: &By,
) -> Result<Account, Problem> {
    let (store, user) = (broker.store.clone(), UserName::from(user));
    let (owner, change, by) = ((organisation, user.clone()), change.clone(), by.clone());
    let changing = async move {
        store.change_account(organisation, &user, expected_version, &change, &by).await
    };
    match account_tokens::changing(broker, owner, changing).await? {
        Changing::Done(account) => Ok(account),
        Changing::Unknown => Err(unknown()),
        Changing::Changed => Err(etag::changed()),
    }
}

/// An operator is none of an organisation's, and nobody else's to make.
pub(super) fn role(fields: &Fields, caller: &Claims) -> Result<Option<Role>, Problem> {
    let Some(word) = fields.text("role")? else { return Ok(None) };
    if word == Role::Operator.as_str() && caller.role != Role::Operator {
        return Err(Problem::forbidden("an operator's account is for operators to make"));
    }
    let role = ROLES.into_iter().find(|role| role.as_str() == word);
    let words = ROLES.map(Role::as_str).join(", ");
    let complaint = || fields.invalid("role", format!("must be one of: {words}")).into();
    role.map(Some).ok_or_else(complaint)
}

pub(super) fn new_user(fields: &Fields) -> Result<UserName, Invalid> {
    let user = fields.needed("user", fields.text("user")?)?;
    check_text(user, 1, USER_MAX_CHARS).map_err(|reason| fields.invalid("user", reason))?;
    Ok(user.into())
}

pub(super) fn new_password(fields: &Fields, name: &str) -> Result<Option<String>, Problem> {
    let Some(password) = fields.text(name)? else { return Ok(None) };
    password::check_new(password).map_err(|reason| fields.invalid(name, reason))?;
    Ok(Some(password.to_owned()))
}

fn new_secret() -> Result<TotpSecret, Problem> {
    TotpSecret::generate().map_err(|error| {
        tracing::error!(%error, "a second factor could not be made");
        Problem::new(Kind::Internal, "the second factor could not be made")
    })
}

fn unknown() -> Problem {
    Problem::not_found("there is no such account")
}
