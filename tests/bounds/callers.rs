//! Bounds on those who call over HTTP.

use crate::support::http::Api;
use crate::{hits, stage};
use licence_broker::limits::Limits;
use licence_broker::limits::bound::Bound;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::num::NonZeroU32;

async fn import(operator: &Api, users: &[&str]) -> Response {
    let line = |user: &&str| {
        let user = json!({
            "user": user, "name": user, "status": "pre_active", "user_type": "inbound_agent",
            "features": [],
        });
        format!("{user}\n")
    };
    let body: String = users.iter().map(line).collect();
    let request = operator.request(Method::POST, "/v1/organisations/129/users/import");
    request.header("content-type", "application/x-ndjson").body(body).send().await.unwrap()
}

async fn kind(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let problem: Value = answer.json().await.unwrap();
    (status, problem["type"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn sign_ins_from_one_address_are_held_back_before_a_password_is_looked_at() {
    let limits = Limits { sign_ins_per_address_per_minute: NonZeroU32::MIN, ..Limits::default() };
    let (broker, operator) = stage(limits).await;
    let sign_in = json!({ "organisation": 129, "user": "x", "password": "y", "code": "123456" });
    let send = async || {
        let request = operator.request(Method::POST, "/v1/auth/login").json(&sign_in);
        request.send().await.unwrap()
    };
    assert_eq!(kind(send().await).await, (401, "/problems/sign_in_refused".to_owned()));
    let held_back = send().await;
    assert_eq!(held_back.headers()["retry-after"], "1");
    assert_eq!(kind(held_back).await, (503, "/problems/overloaded".to_owned()));
    assert_eq!(hits(&broker, Bound::SignInsPerAddressPerMinute), 1);
    assert_eq!(operator.get("/v1/organisations/129").await["id"], 129, "the API is served");
}

#[tokio::test]
async fn an_export_too_many_is_told_to_come_again_and_pages_are_still_served() {
    let (broker, operator) = stage(Limits { exports_under_way_max: 0, ..Limits::default() }).await;
    let path = "/v1/organisations/129/licence-usage";
    let export = operator.request(Method::GET, &format!("{path}?format=csv"));
    let answer = export.send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(kind(answer).await, (503, "/problems/overloaded".to_owned()));
    assert_eq!(hits(&broker, Bound::ExportsUnderWay), 1);
    assert_eq!(operator.get(path).await["items"], json!([]));
}

#[tokio::test]
async fn an_import_of_too_many_users_changes_nothing() {
    let (broker, operator) = stage(Limits { import_users_max: 1, ..Limits::default() }).await;
    let answer = import(&operator, &["d", "e"]).await;
    assert_eq!(kind(answer).await, (413, "/problems/too_large".to_owned()));
    assert_eq!(hits(&broker, Bound::ImportUsers), 1);
    assert_eq!(operator.all("/v1/organisations/129/users").await.len(), 3);
}

#[tokio::test]
async fn an_organisation_with_as_many_users_as_it_may_have_takes_no_other() {
    let limits = Limits { users_per_organisation_max: 3, ..Limits::default() };
    let (broker, operator) = stage(limits).await;
    let user = json!({
        "user": "d", "name": "d", "status": "pre_active", "user_type": "inbound_agent", "features": [],
    });
    let request = operator.request(Method::POST, "/v1/organisations/129/users").json(&user);
    let answer = request.send().await.unwrap();
    assert_eq!(kind(answer).await, (409, "/problems/too_many_users".to_owned()));
    assert_eq!(hits(&broker, Bound::UsersPerOrganisation), 1);
    assert_eq!(operator.all("/v1/organisations/129/users").await.len(), 3);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read() {
    let (broker, operator) = stage(Limits { body_max_bytes: 1_000, ..Limits::default() }).await;
    let name = "x".repeat(1_000);
    let request = operator.request(Method::PATCH, "/v1/organisations/129");
    let answer = request.json(&json!({ "name": name })).send().await.unwrap();
    assert_eq!(kind(answer).await, (413, "/problems/too_large".to_owned()));
    assert_eq!(hits(&broker, Bound::BodyBytes), 1);
}

#[tokio::test]
async fn levels_and_the_process_are_shown_beside_the_hits() {
    let (broker, operator) = stage(Limits::default()).await;
    let socket = broker.login(129, "a", "agent_desktop").await;
    let page =
        operator.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for bound in
        ["connections", "sessions", "logins_under_way", "subscribers", "requests_under_way"]
    {
        let name = format!(r#"licence_broker_bound_level{{bound="{bound}"}}"#);
        assert!(page.lines().any(|line| line.starts_with(&name)), "{name} in {page}");
    }
    for name in ["process_resident_memory_bytes ", "process_open_fds ", "licence_broker_actors{"] {
        assert!(page.lines().any(|line| line.starts_with(name)), "{name}");
    }
    drop(socket);
}
