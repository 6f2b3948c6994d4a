//! What is judged before there is a socket: origin, the upgrade's token, subprotocol, room.

use super::device::Device;
use super::events;
use super::origin;
use super::pulse::Pulse;
use super::session::{self, Answered, Connection};
use super::tcp::Socket;
use super::token::{Purpose, is_for};
use super::turnstile;
use super::wallboard::Wallboard;
use crate::auth::{Claims, NoBearer, only_bearer};
use crate::broker::Broker;
use crate::domain::ids::OrganisationId;
use crate::problem::{Kind, Problem};
use crate::protocol::SUBPROTOCOL;
use actix_http::RequestHead;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{Error, HttpRequest, HttpResponse, web};
use std::cell::Cell;
use std::rc::Rc;

/// The path of devices' sockets.
pub const SESSION_PATH: &str = "/v1/organisations/{org}/session";

/// A request for a socket, by whichever way it came.
pub struct Asked<'a> {
    /// Its line and headers, and who sent it.
    pub head: &'a RequestHead,
    /// The descriptor of its connection.
    pub socket: Option<Socket>,
    /// Of the thread that serves it.
    pub pulse: &'a Rc<Pulse>,
}

/// Why the first request of a connection was refused before it came to the application, which says so in
/// an answer like all its others. Goes with the connection.
pub struct Refused(Cell<Option<Problem>>);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(Cell::new(Some(problem)))
    }
}

/// The organisation whose [`SESSION_PATH`] this is.
fn session_of(path: &str) -> Option<&str> {
    let (before, behind) = SESSION_PATH.split_once("{org}")?;
    let organisation = path.strip_prefix(before)?.strip_suffix(behind)?;
    (!organisation.is_empty() && !organisation.contains('/')).then_some(organisation)
}

/// The organisation whose [`SESSION_PATH`] a request asks for, as far as its first bytes tell.
pub fn session_asked_for(request: &[u8]) -> Option<&str> {
    let target = request.strip_prefix(b"GET ")?.split(|byte| *byte == b' ').next()?;
    std::str::from_utf8(target).ok().and_then(session_of)
}

/// [`session`], past the application.
///
/// # Errors
/// Why it is refused; the application is to say so.
pub async fn straight(
    broker: &web::Data<Broker>,
    asked: &Asked<'_>,
    organisation: &str,
) -> Result<Answered, Refused> {
    begin(broker, asked, organisation).await.map_err(Refused::from)
}

/// `GET /v1/organisations/{org}/session`
///
/// # Errors
/// A problem, if the request is refused before there is a socket.
pub async fn session(
    broker: web::Data<Broker>,
    request: HttpRequest,
    organisation: web::Path<String>,
) -> Result<HttpResponse, Error> {
    if let Some(problem) = request.conn_data::<Refused>().and_then(|Refused(why)| why.take()) {
        return Err(problem.into());
    }
    Ok(begin(&broker, &Asked::of(&request), &organisation).await?.into())
}

async fn begin(
    broker: &web::Data<Broker>,
    asked: &Asked<'_>,
    organisation: &str,
) -> Result<Answered, Problem> {
    if let Some(organisation) = numbered(organisation) {
        turnstile::pass(organisation, broker.clock.elapsed()).await;
    }
    look_for(broker, organisation).await;
    let (organisation, claims) = judge(broker, asked.head, organisation, Purpose::Session)?;
    check_handshake(asked.head)?;
    let link = broker.links.next();
    // Between the lines of the request and those of the connection.
    tracing::debug!(organisation = organisation.get(), link = link.0, "a device connects");
    let device = Device::new(organisation, link, claims);
    session::start(asked.head, Connection::new(broker.clone(), asked)?, device)
}

/// `GET /v1/organisations/{org}/live`: a WebSocket where one is asked for, else server-sent events.
///
/// # Errors
/// A problem, if the request is refused.
pub async fn live(
    broker: web::Data<Broker>,
    request: HttpRequest,
    organisation: web::Path<String>,
) -> Result<HttpResponse, Error> {
    let asked = Asked::of(&request);
    look_for(&broker, &organisation).await;
    let (organisation, claims) = judge(&broker, asked.head, &organisation, Purpose::Live)?;
    if is_upgrade(asked.head) {
        check_handshake(asked.head)?;
        let wallboard = Wallboard::new(organisation, claims, broker.clock.elapsed());
        let connection = Connection::new(broker, &asked)?;
        return Ok(session::start(asked.head, connection, wallboard)?.into());
    }
    let claims = claims.ok_or_else(|| Problem::unauthorised(false, "a bearer token is needed"))?;
    let address = request.peer_addr().map(|peer| peer.ip());
    let stream = broker.admission.socket(address).map_err(Problem::from)?;
    let subscriber = broker.admission.subscriber(organisation).map_err(Problem::from)?;
    let live = broker.directory.live(organisation).await.map_err(Problem::from)?;
    let socket = asked.socket;
    Ok(events::stream(broker, organisation, claims, live, socket, (stream, subscriber)))
}

impl<'a> Asked<'a> {
    /// Of a request that came through the application.
    ///
    /// # Panics
    /// Where requests are served without a pulse.
    pub fn of(request: &'a HttpRequest) -> Self {
        let pulse = request.app_data::<Rc<Pulse>>().expect("each thread that serves has its pulse");
        let socket = request.conn_data::<Socket>().copied();
        Self { head: request.head(), socket, pulse }
    }
}

/// Where several nodes share the store: an organisation that nobody has becomes this node's, and one that
/// was just created elsewhere is known.
async fn look_for(broker: &Broker, organisation: &str) {
    let number = numbered(organisation).filter(|_| broker.ready.is_ready());
    if let Some(organisation) = number.filter(|number| !broker.directory.is_served_here(*number)) {
        // Whoever comes to the wrong place is told when they have said who they are.
        let _ = broker.directory.whereabouts(organisation).await;
    }
}

/// Origin, room, and the upgrade's token if it carries one: 403, 503, 401, 404, 403.
fn judge(
    broker: &Broker,
    request: &RequestHead,
    organisation: &str,
    purpose: Purpose,
) -> Result<(OrganisationId, Option<Claims>), Problem> {
    origin::check(broker, request.headers())?;
    if !broker.ready.is_ready() {
        return Err(Problem::stopping());
    }
    let number = numbered(organisation);
    let claims = match token(request)? {
        None => None,
        Some(token) => {
            let judged = broker.authenticator.judge(token, broker.clock.now().at);
            let claims = judged.map_err(Problem::from)?;
            let known = number.filter(|number| broker.directory.exists(*number));
            if !known.is_some_and(|number| is_for(&claims, number)) {
                return Err(unknown_organisation());
            }
            if !purpose.permits(claims.role) {
                return Err(Problem::forbidden("the token's role may not do this"));
            }
            Some(claims)
        }
    };
    Ok((number.ok_or_else(unknown_organisation)?, claims))
}

/// `0129` is another path than `129`, here as everywhere.
fn numbered(organisation: &str) -> Option<OrganisationId> {
    let number: u64 = organisation.parse().ok()?;
    OrganisationId::new(number).filter(|_| number.to_string() == organisation)
}

fn unknown_organisation() -> Problem {
    Problem::not_found("there is no such organisation")
}

/// The token of the `Authorization` header, if there is one.
fn token(request: &RequestHead) -> Result<Option<&str>, Problem> {
    let given = request.headers().get_all(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    only_bearer(given).map_err(|error: NoBearer| Problem::unauthorised(true, &error.to_string()))
}

fn is_upgrade(request: &RequestHead) -> bool {
    values(request, &header::UPGRADE).any(|value| value.eq_ignore_ascii_case("websocket"))
}

/// The comma-separated values of a header, on however many lines.
fn values<'a>(request: &'a RequestHead, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = request.headers().get_all(name).filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// A client that offers subprotocols must offer ours; one that offers none is served as if it had.
fn check_handshake(request: &RequestHead) -> Result<(), Problem> {
    if !is_upgrade(request) {
        return Err(Problem::new(Kind::UpgradeRequired, "this path is a WebSocket"));
    }
    let offers = request.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL);
    let mut offered = values(request, &header::SEC_WEBSOCKET_PROTOCOL);
    if offers && !offered.any(|offer| offer == SUBPROTOCOL) {
        let detail = format!("none of the subprotocols offered is {SUBPROTOCOL}");
        return Err(Problem::new(Kind::Malformed, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_s_upgrade_is_known_by_its_first_line() {
        let asked = |line: &str| session_asked_for(line.as_bytes()).map(str::to_owned);
        let session = asked("GET /v1/organisations/129/session HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(session.as_deref(), Some("129"));
        for other in [
            "",
            "GET ",
            "POST /v1/organisations/129/session HTTP/1.1",
            "GET /v1/organisations/129/session?x HTTP/1.1",
            "GET /v1/organisations/129/sessions HTTP/1.1",
            "GET /v1/organisations//session HTTP/1.1",
            "GET /v1/organisations/1/2/session HTTP/1.1",
            "GET /v1/organisations/129/live HTTP/1.1",
        ] {
            assert_eq!(asked(other), None, "{other}");
        }
    }
}
