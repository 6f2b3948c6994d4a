//! What is judged before what (SPEC §9): a token before an organisation, a role before a path, a path
//! before its method, who may before the body is read, a body before the state.

use crate::raw;
use crate::roles::{FOREIGN, OWN, with_two_organisations};
use licence_broker::auth::Role;

#[tokio::test]
async fn an_unknown_path_needs_a_token_below_an_organisation_and_none_elsewhere() {
    let broker = with_two_organisations().await;
    let supervisor = broker.token(Role::Supervisor, OWN, "sue");
    for path in ["nothing", "users/edred/more", "licences/view/more", "users/", "sessions/a/b", ""]
    {
        let line = format!("GET /v1/organisations/{OWN}/{path}");
        assert_eq!(raw::ask(&broker, &line, &[], b"").await.status, 401, "{path}");
        let reply = raw::ask_as(&broker, &supervisor, &line, &[], b"").await;
        assert_eq!((reply.status, reply.problem()), (404, "not_found".to_owned()), "{path}");
    }
    for line in ["GET /v1", "GET /v2/organisations", "POST /v1/nothing", "GET /.env"] {
        let reply = raw::ask(&broker, line, &[], b"").await;
        assert_eq!((reply.status, reply.problem()), (404, "not_found".to_owned()), "{line}");
    }
}

#[tokio::test]
async fn a_number_that_is_written_otherwise_names_no_organisation() {
    let broker = with_two_organisations().await;
    let operator = broker.token(Role::Operator, 0, "operator");
    for number in ["0129", "+129", "129.0", "1e2", "-129", "0x81", "%20129", "99999999999999999999"]
    {
        for path in ["", "/users", "/session", "/live"] {
            let line = format!("GET /v1/organisations/{number}{path}");
            let reply = raw::ask_as(&broker, &operator, &line, &[], b"").await;
            assert_eq!(reply.status, 404, "{line}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn a_method_that_is_not_there_is_answered_with_those_that_are() {
    let broker = with_two_organisations().await;
    let operator = broker.token(Role::Operator, 0, "operator");
    for (path, allowed) in [
        ("/v1/organisations/129", "GET, PATCH, DELETE"),
        ("/v1/organisations/129/licences", "GET"),
        ("/v1/organisations/129/licences/view", "PUT"),
        ("/v1/organisations/129/users", "GET, POST"),
        ("/v1/organisations/129/users/edred", "GET, PATCH, DELETE"),
        ("/v1/organisations/129/sessions/none", "DELETE"),
        ("/v1/organisations/129/session", "GET"),
        ("/v1/organisations/129/live", "GET"),
        ("/v1/organisations", "GET, POST"),
        ("/v1/tokens", "POST"),
        ("/healthz", "GET"),
    ] {
        let line = format!("TRACE {path}");
        let reply = raw::ask_as(&broker, &operator, &line, &[], b"").await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allowed)), "{path}");
        assert_eq!(reply.problem(), "method_not_allowed");
    }
}

#[tokio::test]
async fn who_may_not_is_told_before_the_body_is_read() {
    let broker = with_two_organisations().await;
    let of = |role, organisation| broker.token(role, organisation, "edred");
    for (line, token, expected) in [
        ("POST /v1/organisations", of(Role::Admin, OWN), 403),
        ("POST /v1/tokens", of(Role::Device, OWN), 403),
        ("POST /v1/organisations/129/users/import", of(Role::Supervisor, OWN), 403),
        ("POST /v1/organisations/129/users/import", of(Role::Admin, FOREIGN), 404),
        ("POST /v1/organisations/131/users", of(Role::Operator, 0), 404),
        ("PUT /v1/organisations/129/licences/nothing", of(Role::Admin, OWN), 404),
        ("PATCH /v1/organisations/129/users/nobody", of(Role::Admin, OWN), 404),
        ("POST /v1/organisations/129/users", "garbage".to_owned(), 401),
    ] {
        // A body of a gigabyte is promised, and not a byte of it comes.
        let headers = ["content-type: application/json", "content-length: 1073741824"];
        let reply = raw::ask_as(&broker, &token, line, &headers, b"").await;
        assert_eq!(reply.status, expected, "{line}: {reply:?}");
    }
}

#[tokio::test]
async fn a_body_is_judged_before_the_state_that_it_would_change() {
    let broker = with_two_organisations().await;
    let admin = broker.token(Role::Admin, OWN, "ada");
    let stale = ["if-match: \"never\"", "content-type: application/json"];
    for (line, body, expected) in [
        ("PATCH /v1/organisations/129", r#"{"name":7}"#, 422),
        ("PATCH /v1/organisations/129", r#"{"name":"Fine"}"#, 412),
        ("PATCH /v1/organisations/129/users/edred", r#"{"status":"asleep"}"#, 422),
        ("PATCH /v1/organisations/129/users/edred", "{", 400),
        ("PATCH /v1/organisations/129/users/edred", r#"{"name":"Fine"}"#, 412),
        ("PUT /v1/organisations/129/licences/view", r#"{"base":0}"#, 422),
        (
            "PUT /v1/organisations/129/licences/view",
            r#"{"base":0,"concurrent":0,"contingency":0,"fixed":1}"#,
            412,
        ),
    ] {
        let length = format!("content-length: {}", body.len());
        let headers: Vec<&str> = stale.iter().copied().chain([length.as_str()]).collect();
        let reply = raw::ask_as(&broker, &admin, line, &headers, body.as_bytes()).await;
        assert_eq!(reply.status, expected, "{line} {body}: {reply:?}");
    }
}
