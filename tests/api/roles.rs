//! Who may do what, and in which order it is judged (SPEC §9): token, organisation, role, path, body,
//! state.

use crate::raw::{self, Reply};
use crate::support::broker::TestBroker;
use crate::worthless::worthless;
use licence_broker::auth::Role;
use serde_json::json;

/// A method of a path: the least role that may use it, and what whoever may is answered who sends no
/// body (and, so that nothing is deleted, an `If-Match` that nothing matches).
struct Route {
    method: &'static str,
    path: &'static str,
    least: Role,
    served: u16,
}

const fn route(method: &'static str, path: &'static str, least: Role, served: u16) -> Route {
    Route { method, path, least, served }
}

/// `{org}` stands for the number.
const BELOW: &[Route] = &[
    route("GET", "/v1/organisations/{org}", Role::Admin, 200),
    route("PATCH", "/v1/organisations/{org}", Role::Admin, 400),
    route("DELETE", "/v1/organisations/{org}", Role::Operator, 412),
    route("GET", "/v1/organisations/{org}/licences", Role::Supervisor, 200),
    route("PUT", "/v1/organisations/{org}/licences/view", Role::Admin, 400),
    route("GET", "/v1/organisations/{org}/users", Role::Admin, 200),
    route("POST", "/v1/organisations/{org}/users", Role::Admin, 400),
    route("GET", "/v1/organisations/{org}/users/edred", Role::Admin, 200),
    route("PATCH", "/v1/organisations/{org}/users/edred", Role::Admin, 400),
    route("DELETE", "/v1/organisations/{org}/users/edred", Role::Admin, 412),
    route("POST", "/v1/organisations/{org}/users/import", Role::Admin, 415),
    route("GET", "/v1/organisations/{org}/sessions", Role::Supervisor, 200),
    route("DELETE", "/v1/organisations/{org}/sessions/none", Role::Supervisor, 404),
    route("GET", "/v1/organisations/{org}/holders", Role::Supervisor, 200),
    route("GET", "/v1/organisations/{org}/licence-usage", Role::Supervisor, 200),
    route("GET", "/v1/organisations/{org}/denials", Role::Supervisor, 200),
    route("GET", "/v1/organisations/{org}/organisation-licence-usage", Role::Supervisor, 200),
    route("GET", "/v1/organisations/{org}/denied-demand", Role::Supervisor, 200),
    route("GET", "/v1/organisations/{org}/demand", Role::Supervisor, 200),
    route("GET", "/v1/organisations/{org}/licences/agent_email/bought", Role::Supervisor, 200),
    route("GET", "/v1/organisations/{org}/reports/fields", Role::Supervisor, 200),
    route("POST", "/v1/organisations/{org}/reports", Role::Supervisor, 400),
    route("GET", "/v1/organisations/{org}/reports", Role::Supervisor, 405),
    route("GET", "/v1/organisations/{org}/advice", Role::Admin, 200),
    route("GET", "/v1/organisations/{org}/accounts", Role::Admin, 200),
    route("POST", "/v1/organisations/{org}/accounts", Role::Admin, 400),
    route("GET", "/v1/organisations/{org}/accounts/nobody", Role::Admin, 404),
    route("PATCH", "/v1/organisations/{org}/accounts/nobody", Role::Admin, 404),
    route("DELETE", "/v1/organisations/{org}/accounts/nobody", Role::Admin, 404),
    route("POST", "/v1/organisations/{org}/accounts/nobody/reset", Role::Admin, 404),
    route("PUT", "/v1/organisations/{org}/accounts/nobody/password", Role::Supervisor, 404),
    route("GET", "/v1/organisations/{org}/audit", Role::Admin, 200),
    route("GET", "/v1/organisations/{org}/nothing", Role::Supervisor, 404),
    route("PUT", "/v1/organisations/{org}/users", Role::Admin, 405),
    route("POST", "/v1/organisations/{org}/holders", Role::Supervisor, 405),
    route("POST", "/v1/organisations/{org}/session", Role::Supervisor, 405),
    route("DELETE", "/v1/organisations/{org}/live", Role::Supervisor, 405),
];

const BESIDE: &[Route] = &[
    route("GET", "/v1/organisations", Role::Admin, 200),
    route("POST", "/v1/organisations", Role::Operator, 400),
    route("POST", "/v1/tokens", Role::Admin, 400),
    route("GET", "/v1/tokens", Role::Admin, 405),
    route("PUT", "/v1/auth/password", Role::Supervisor, 400),
    route("DELETE", "/v1/organisations", Role::Admin, 405),
];

pub(crate) const OWN: u64 = 129;
pub(crate) const FOREIGN: u64 = 130;
pub(crate) const UNKNOWN: u64 = 131;

fn rank(role: Role) -> Option<usize> {
    Role::ALL.iter().position(|known| *known == role)
}

pub(crate) async fn with_two_organisations() -> TestBroker {
    let broker = TestBroker::start().await;
    let operator = broker.operator();
    for organisation in [OWN, FOREIGN] {
        operator.create_organisation(organisation).await;
        operator.add_user(organisation, "edred", "inbound_agent", &[]).await;
    }
    broker
}

async fn ask(broker: &TestBroker, token: &str, route: &Route, organisation: u64) -> Reply {
    let path = route.path.replace("{org}", &organisation.to_string());
    let line = format!("{} {path}", route.method);
    raw::ask_as(broker, token, &line, &["if-match: \"never\""], b"").await
}

#[tokio::test]
async fn every_role_is_served_what_it_may_in_its_own_organisation_and_sees_no_other() {
    let broker = with_two_organisations().await;
    for role in Role::ALL {
        let token = broker.token(*role, OWN, "edred");
        for organisation in [OWN, FOREIGN, UNKNOWN] {
            let is_there = match organisation {
                OWN => true,
                FOREIGN => *role == Role::Operator,
                _ => false,
            };
            for route in BELOW {
                let expected = match (is_there, rank(*role) >= rank(route.least)) {
                    (false, _) => 404,
                    (true, false) => 403,
                    (true, true) => route.served,
                };
                let reply = ask(&broker, &token, route, organisation).await;
                let told = format!("{role} {} {} of {organisation}", route.method, route.path);
                assert_eq!(reply.status, expected, "{told}: {reply:?}");
                check(&reply, &told);
                if !is_there {
                    assert!(reply.body.contains("no such organisation"), "{told}: {reply:?}");
                }
            }
        }
    }
}

/// Whatever is refused is a problem of the kind that its status says.
fn check(reply: &Reply, told: &str) {
    let kind = match reply.status {
        200 => return,
        400 => "malformed",
        401 => "unauthorised",
        403 => "forbidden",
        404 => "not_found",
        405 => "method_not_allowed",
        412 => "changed",
        415 => "unsupported_media_type",
        other => panic!("{told}: {other}"),
    };
    assert_eq!(reply.problem(), kind, "{told}");
    assert_eq!(reply.header("allow").is_some(), reply.status == 405, "{told}: {reply:?}");
    assert_eq!(reply.header("www-authenticate").is_some(), reply.status == 401, "{told}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{told}: {reply:?}");
}

#[tokio::test]
async fn the_paths_that_belong_to_no_organisation_know_roles_too() {
    let broker = with_two_organisations().await;
    for role in Role::ALL {
        let token = broker.token(*role, OWN, "edred");
        for route in BESIDE {
            let expected = if rank(*role) >= rank(route.least) { route.served } else { 403 };
            let reply = ask(&broker, &token, route, 0).await;
            let told = format!("{role} {} {}", route.method, route.path);
            assert_eq!(reply.status, expected, "{told}: {reply:?}");
            check(&reply, &told);
        }
    }
}

#[tokio::test]
async fn a_worthless_token_is_401_on_every_route_of_every_organisation_there_is_or_not() {
    let broker = with_two_organisations().await;
    for (what, authorization) in worthless(&broker) {
        for route in BELOW.iter().chain(BESIDE) {
            for organisation in [OWN, UNKNOWN] {
                let path = route.path.replace("{org}", &organisation.to_string());
                let header = authorization.as_ref().map(|value| format!("authorization: {value}"));
                let headers: Vec<&str> = header.as_deref().into_iter().collect();
                let line = format!("{} {path}", route.method);
                let reply = raw::ask(&broker, &line, &headers, b"").await;
                assert_eq!(reply.status, 401, "{what}: {line}: {reply:?}");
                check(&reply, what);
            }
        }
    }
}

#[tokio::test]
async fn a_worthless_token_opens_no_socket_and_no_stream() {
    let broker = with_two_organisations().await;
    for (what, authorization) in worthless(&broker) {
        // Without the header the token may still come in the first message.
        let Some(authorization) = authorization else { continue };
        for path in ["session", "live"] {
            let header = format!("authorization: {authorization}");
            for upgrade in [&[header.as_str()] as &[&str], &with_upgrade(&header)] {
                let line = format!("GET /v1/organisations/{OWN}/{path}");
                let reply = raw::ask(&broker, &line, upgrade, b"").await;
                assert_eq!(reply.status, 401, "{what}: {line}: {reply:?}");
                check(&reply, what);
            }
        }
    }
    let line = format!("GET /v1/organisations/{OWN}/live");
    let reply = raw::ask(&broker, &line, &[], b"").await;
    assert_eq!(reply.status, 401, "a stream of events has no first message: {reply:?}");
}

fn with_upgrade(authorization: &str) -> [&str; 5] {
    [
        authorization,
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
}

#[tokio::test]
async fn sockets_of_another_organisation_are_not_found_and_of_another_role_forbidden() {
    let broker = with_two_organisations().await;
    for (role, path, organisation, expected) in [
        (Role::Device, "session", FOREIGN, 404),
        (Role::Device, "session", UNKNOWN, 404),
        (Role::Device, "live", FOREIGN, 404),
        (Role::Device, "live", OWN, 403),
        (Role::Wallboard, "session", OWN, 403),
        (Role::Wallboard, "live", FOREIGN, 404),
        (Role::Supervisor, "live", UNKNOWN, 404),
    ] {
        let header = format!("authorization: Bearer {}", broker.token(role, OWN, "edred"));
        let line = format!("GET /v1/organisations/{organisation}/{path}");
        let reply = raw::ask(&broker, &line, &with_upgrade(&header), b"").await;
        assert_eq!(reply.status, expected, "{role} {line}: {reply:?}");
        check(&reply, path);
    }
}

#[tokio::test]
async fn an_administrators_list_is_their_own_organisation() {
    let broker = with_two_organisations().await;
    let admin = broker.api(&broker.token(Role::Admin, FOREIGN, "ada"));
    let list = admin.get("/v1/organisations").await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["items"][0]["id"], FOREIGN);
    let all = broker.operator().get("/v1/organisations").await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn an_administrator_issues_tokens_for_their_own_organisation_and_never_an_operators() {
    let broker = with_two_organisations().await;
    let admin = broker.api(&broker.token(Role::Admin, OWN, "ada"));
    let ask = async |role: &str, org: u64| {
        let body = json!({"tokens": [{"sub": "x", "org": org, "role": role, "ttl_s": 60}]});
        let (status, answer) = admin.call(reqwest::Method::POST, "/v1/tokens", Some(body)).await;
        (status.as_u16(), answer)
    };
    for role in ["device", "wallboard", "supervisor", "admin"] {
        let (status, answer) = ask(role, OWN).await;
        assert_eq!(status, 200, "{role}: {answer}");
        assert_eq!(ask(role, FOREIGN).await.0, 403, "{role}");
    }
    let (status, problem) = ask("operator", OWN).await;
    assert_eq!((status, &problem["type"]), (403, &json!("/problems/forbidden")));
    let (_, answer) = ask("supervisor", OWN).await;
    let issued = broker.api(answer["items"][0]["token"].as_str().unwrap());
    assert!(issued.get("/v1/organisations/129/sessions").await["items"].is_array());
    let (status, _) =
        issued.call(reqwest::Method::GET, "/v1/organisations/130/sessions", None).await;
    assert_eq!(status, 404);
}
