//! The fake broker's HTTP API: what the tool provisions with.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Organisation, Record, SEAT, State, Vice};

/// One request per connection: head and body are read, one answer written.
pub(crate) async fn answer(state: &State, mut stream: TcpStream) {
    let mut received = Vec::new();
    let (head, body) = loop {
        if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&received).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().expect("a length")) {
            break (head.to_owned(), body.to_owned());
        }
    };
    if state.vice == Vice::StallsSetUp && head.starts_with("POST /v1/tokens ") {
        state.stalled.notify_one();
        return std::future::pending().await;
    }
    let (status, answer) = if head.contains("authorization: Bearer the-operator") {
        route(state, &head, &body)
    } else {
        (401, json!({"title": "no operator"}))
    };
    let answer = answer.to_string();
    let length = answer.len();
    let answer = format!(
        "HTTP/1.1 {status} Any\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{answer}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn route(state: &State, head: &str, body: &str) -> (u16, Value) {
    let mut words = head.split_whitespace();
    let method = words.next().expect("a method");
    let path = words.next().expect("a path").split('?').next().expect("a path");
    let parts: Vec<_> = path.split('/').skip(2).collect();
    let parsed = || serde_json::from_str::<Value>(body).expect("a JSON body");
    let mut organisations = state.organisations();
    match (method, parts.as_slice()) {
        ("POST", ["organisations"]) => {
            let number = parsed()["id"].to_string();
            if organisations.contains_key(&number) {
                return (409, json!({"title": "there already"}));
            }
            organisations.insert(number, Organisation::default());
            (201, parsed())
        }
        ("DELETE", ["organisations", number]) => {
            organisations.remove(*number);
            (200, json!({}))
        }
        ("PUT", ["organisations", number, "licences", licence]) => {
            let count = |name: &str| parsed()[name].as_u64().expect("all four fields");
            assert_eq!(count("fixed"), 0);
            let bought = (count("concurrent"), count("contingency"));
            assert_eq!(count("base") > 0, *licence == SEAT);
            organisations
                .get_mut(*number)
                .expect("an organisation")
                .bought
                .insert((*licence).to_owned(), bought);
            (200, json!({}))
        }
        ("POST", ["organisations", _, "users", "import"]) => {
            (200, json!({"accepted": body.lines().count(), "rejected": []}))
        }
        ("POST", ["tokens"]) => {
            let wanted = parsed()["tokens"].as_array().expect("a list").clone();
            let issue = |want: &Value| {
                let user = want["sub"].as_str().expect("a user");
                let role = want["role"].as_str().expect("a role");
                assert!(["device", "supervisor", "wallboard"].contains(&role), "{role}");
                json!({"sub": user, "token": format!("{role}-{user}")})
            };
            (200, json!({"items": wanted.iter().map(issue).collect::<Vec<_>>()}))
        }
        ("GET", []) if path == "/readyz" => (200, json!({})),
        ("GET", ["organisations", number, "licence-usage"]) => (200, usage(state, number)),
        ("GET", ["organisations", number, "billing", "2026-11"]) => {
            (200, bill(state, &organisations[*number]))
        }
        ("GET", ["organisations", number, "licences"]) => (200, licences(&organisations[*number])),
        _ => (404, json!({"title": path})),
    }
}

fn licences(organisation: &Organisation) -> Value {
    let row = |(licence, (concurrent, contingency)): (&String, &(u64, u64))| {
        let holders = organisation.holders.get(licence).map_or(0, BTreeSet::len);
        let holders = u64::try_from(holders).expect("few");
        let used = holders.min(*concurrent);
        json!({"licence": licence, "model": "concurrent",
            "concurrent": {"total": concurrent, "used": used, "available": concurrent - used},
            "contingency": {"total": contingency, "used": (holders - used).min(*contingency)},
            "over_allocated": (holders - used).saturating_sub(*contingency)})
    };
    json!({"items": organisation.bought.iter().map(row).collect::<Vec<_>>(), "next_cursor": null})
}

fn usage(state: &State, organisation: &str) -> Value {
    let usage = state.usage.lock().expect("no panic");
    let row = |record: &Record| {
        let usage_type = if record.is_acquired { "Acquired" } else { "Released" };
        json!({"usage_type": usage_type, "licence": SEAT, "user": record.user,
            "session": record.session, "logged_at": "2026-11-23T00:30:00Z"})
    };
    let of = usage.iter().filter(|record| record.organisation == organisation);
    json!({"items": of.map(row).collect::<Vec<_>>(), "next_cursor": null})
}

fn bill(state: &State, organisation: &Organisation) -> Value {
    let used = if state.vice == Vice::BillsTooMuch { 3 } else { 0 };
    let line = |licence: &String| json!({"licence": licence, "contingency_max_used": used});
    json!({"lines": organisation.bought.keys().map(line).collect::<Vec<_>>()})
}
