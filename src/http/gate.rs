//! The order of judgement (SPEC §9): token 401, organisation 404, role 403, path 404, method 405. What
//! comes after (body, state) is the handlers'. Nothing of a body is read before the gate is passed.

use super::nodes::nobody;
use crate::actor::directory::estate::Whereabouts;
use crate::auth::{Claims, Role, only_bearer};
use crate::broker::{Broker, Phase};
use crate::cluster::Elsewhere;
use crate::domain::audit::Author;
use crate::domain::ids::OrganisationId;
use crate::problem::{Kind, Problem};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, FromRequest, Handler, HttpMessage as _, Responder, Route, web};
use std::rc::Rc;

/// The one path below an organisation that every role may use.
const ENDPOINT: &str = "/v1/organisations/{org}/endpoint";

/// The least that one must be to use a method of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// No token is looked at.
    Anyone,
    /// Every role; it is answered wherever it is asked.
    Bearer,
    /// Supervisor, administrator or operator.
    Supervisor,
    /// Administrator or operator.
    Admin,
    /// The operator alone.
    Operator,
}

impl Who {
    fn admits(self, role: Role) -> bool {
        match self {
            Self::Anyone | Self::Bearer => true,
            Self::Supervisor => matches!(role, Role::Supervisor | Role::Admin | Role::Operator),
            Self::Admin => matches!(role, Role::Admin | Role::Operator),
            Self::Operator => role == Role::Operator,
        }
    }
}

/// Whoever asks, for the handlers behind the gate.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub(super) Rc<Claims>);

impl Caller {
    /// As the audit log names them.
    pub(super) fn author(&self) -> Author {
        Author { name: self.0.subject.clone(), role: self.0.role.as_str() }
    }
}

/// One method of a path, who may use it, and what answers.
pub(super) struct Entry {
    method: Method,
    who: Who,
    route: Route,
}

macro_rules! entries {
    ($($name:ident $method:ident,)+) => { $(
        /// Such a method in the URL table.
        pub(super) fn $name<F, Args>(who: Who, handler: F) -> Entry
        where
            F: Handler<Args>,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            let method = Method::$method;
            Entry { who, route: web::method(method.clone()).to(handler), method }
        }
    )+ };
}

entries! { get GET, post POST, put PUT, patch PATCH, delete DELETE, }

/// A path of the URL table with all of its methods.
pub(super) fn path<const N: usize>(
    path: &str,
    entries: [Entry; N],
) -> impl HttpServiceFactory + 'static {
    let mut resource = web::resource(path);
    let mut permitted = Vec::with_capacity(N);
    for Entry { method, who, route } in entries {
        permitted.push((method, who));
        resource = resource.route(route);
    }
    let permitted: Rc<[(Method, Who)]> = permitted.into();
    resource.wrap(from_fn(move |mut request: ServiceRequest, next: Next<BoxBody>| {
        let permitted = Rc::clone(&permitted);
        // RFC 9110 §9.3.2: as `GET`; the server leaves the body out.
        if request.method() == Method::HEAD {
            request.head_mut().method = Method::GET;
        }
        async move {
            let judged = match judge_method(&request, &permitted) {
                Ok(Who::Bearer) => Ok(()),
                Ok(Who::Anyone | Who::Supervisor | Who::Admin | Who::Operator) => {
                    check_home(&request).await
                }
                Err(problem) => Err(problem),
            };
            match judged {
                Ok(()) => next.call(request).await,
                Err(problem) => Ok(refuse(request, &problem)),
            }
        }
    }))
}

/// What every path below one organisation passes first; leaves the [`Caller`] and the
/// [`OrganisationId`] for the handlers.
pub(super) async fn admit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    learn_of(&request).await;
    match judge_organisation(&request) {
        Ok(organisation) => {
            request.extensions_mut().insert(organisation);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(problem) => Ok(refuse(request, &problem)),
    }
}

/// Before what was open at the last stop is settled nothing is changed: a commit would pass for the last
/// sign of life of the run that ended, and date wrongly what is still to be settled.
///
/// # Errors
/// 503 while the broker starts.
pub(super) fn check_started(broker: &Broker) -> Result<(), Problem> {
    if broker.ready.phase() == Phase::Starting {
        let problem = Problem::new(Kind::Unavailable, "the broker is starting; try again soon");
        return Err(problem.header(RETRY_AFTER, "1"));
    }
    Ok(())
}

/// Another node may have just created the organisation.
async fn learn_of(request: &ServiceRequest) {
    let directory = &broker(request).directory;
    let named = request.match_info().get("org").and_then(|named| named.parse().ok());
    if let Some(organisation) = named.and_then(OrganisationId::new)
        && directory.nodes().is_some()
        && !directory.exists(organisation)
        && caller(request).is_ok()
    {
        directory.learn_of(organisation).await;
    }
}

/// Another node's organisation is asked there, by the same request.
async fn check_home(request: &ServiceRequest) -> Result<(), Problem> {
    let organisation = request.extensions().get::<OrganisationId>().copied();
    let directory = &broker(request).directory;
    let Some(organisation) = organisation.filter(|one| !directory.is_served_here(*one)) else {
        return Ok(());
    };
    match directory.whereabouts(organisation).await {
        Whereabouts::Here => Ok(()),
        Whereabouts::Elsewhere(Elsewhere { url, .. }) => {
            Err(Problem::moved(format!("{url}{}", request.uri())))
        }
        Whereabouts::Unknown => Err(Problem::not_found("there is no such organisation")),
        Whereabouts::Unavailable => Err(nobody()),
    }
}

fn refuse(request: ServiceRequest, problem: &Problem) -> ServiceResponse {
    request.into_response(actix_web::ResponseError::error_response(problem))
}

fn judge_organisation(request: &ServiceRequest) -> Result<OrganisationId, Problem> {
    let Caller(claims) = caller(request)?;
    let named = request.match_info().get("org").unwrap_or_default();
    let exists = |organisation| broker(request).directory.exists(organisation);
    let organisation = organisation_of(&claims, named, exists)?;
    // Devices and wallboards have their own doors; they may ask where those are, and nothing else here is
    // theirs, known or not.
    let is_open = request.match_pattern().is_some_and(|pattern| pattern == ENDPOINT);
    if !is_open && !Who::Supervisor.admits(claims.role) {
        return Err(forbidden(claims.role));
    }
    if !request.method().is_safe() {
        check_started(broker(request))?;
    }
    Ok(organisation)
}

/// The organisation that a path names, if there is one and it is the caller's to see.
fn organisation_of(
    claims: &Claims,
    named: &str,
    exists: impl FnOnce(OrganisationId) -> bool,
) -> Result<OrganisationId, Problem> {
    let number: Option<u64> = named.parse().ok();
    number
        .filter(|number| number.to_string() == named)
        .and_then(OrganisationId::new)
        .filter(|asked| claims.organisation.is_none_or(|own| own == *asked))
        .filter(|asked| exists(*asked))
        .ok_or_else(|| Problem::not_found("there is no such organisation"))
}

fn judge_method(request: &ServiceRequest, permitted: &[(Method, Who)]) -> Result<Who, Problem> {
    let known = permitted.iter().find(|(method, _)| method == request.method());
    if permitted.iter().any(|(_, who)| *who != Who::Anyone) {
        let role = caller(request)?.0.role;
        // A method that is not there is refused to those who may use none of the others.
        let is_admitted = match known {
            Some((_, who)) => who.admits(role),
            None => permitted.iter().any(|(_, who)| who.admits(role)),
        };
        if !is_admitted {
            return Err(forbidden(role));
        }
    }
    if let Some((_, who)) = known {
        return Ok(*who);
    }
    let methods: Vec<&str> = permitted.iter().map(|(method, _)| method.as_str()).collect();
    Err(Problem::method_not_allowed(&methods.join(", ")))
}

fn forbidden(role: Role) -> Problem {
    Problem::forbidden(format!("the role {role} may not do this"))
}

/// Whoever asks; their token is judged once per request.
fn caller(request: &ServiceRequest) -> Result<Caller, Problem> {
    if let Some(known) = request.extensions().get::<Caller>() {
        return Ok(known.clone());
    }
    let given = request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
    let token = only_bearer(given)
        .ok()
        .flatten()
        .ok_or_else(|| Problem::unauthorised(false, "one bearer token is needed"))?;
    let broker = broker(request);
    let claims = broker.authenticator.judge(token, broker.clock.now().at).map_err(Problem::from)?;
    let caller = Caller(Rc::new(claims));
    request.extensions_mut().insert(caller.clone());
    Ok(caller)
}

/// # Panics
/// If the application was composed without its broker: no request could be served.
fn broker(request: &ServiceRequest) -> &web::Data<Broker> {
    request.app_data().expect("the composition root provides the broker")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn claims(role: Role, organisation: Option<u64>) -> Claims {
        Claims {
            subject: "someone".into(),
            organisation: organisation.and_then(OrganisationId::new),
            role,
            expires_at: DateTime::UNIX_EPOCH,
        }
    }

    fn finds(claims: &Claims, named: &str) -> bool {
        let exists = |organisation: OrganisationId| [129, 130].contains(&organisation.get());
        organisation_of(claims, named, exists).is_ok()
    }

    #[test]
    fn an_administrator_finds_no_organisation_but_their_own() {
        let admin = claims(Role::Admin, Some(129));
        assert!(finds(&admin, "129"));
        assert!(!finds(&admin, "130"));
        assert!(!finds(&claims(Role::Admin, Some(131)), "131"), "it was deleted");
    }

    #[test]
    fn an_operator_finds_every_organisation_that_exists() {
        let operator = claims(Role::Operator, None);
        assert!(finds(&operator, "129") && finds(&operator, "130"));
        for named in ["131", "0", "0129", "+129", "-129", "129.0", "x", "", "99999999999999999999"]
        {
            assert!(!finds(&operator, named), "{named}");
        }
    }

    #[test]
    fn every_role_may_what_the_lesser_ones_may() {
        let admitted = |who: Who| {
            let roles = Role::ALL.iter().filter(|role| who.admits(**role));
            roles.map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(admitted(Who::Supervisor), "supervisor admin operator");
        assert_eq!(admitted(Who::Admin), "admin operator");
        assert_eq!(admitted(Who::Operator), "operator");
    }
}
