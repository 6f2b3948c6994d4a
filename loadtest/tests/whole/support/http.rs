//! The fake broker's HTTP API: what the tool provisions with.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Organisation, SEAT, State};

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
                assert!(want["role"] == "device" || want["role"] == "wallboard");
                let user = want["sub"].as_str().expect("a user");
                json!({"sub": user, "token": format!("device-{user}")})
            };
            (200, json!({"items": wanted.iter().map(issue).collect::<Vec<_>>()}))
        }
        ("GET", []) if path == "/readyz" => (200, json!({})),
        ("GET", ["organisations", _, "licence-usage"]) => {
            let usage = state.usage.lock().expect("no panic");
            let items: Vec<_> = usage.iter().map(|user| json!({"user": user})).collect();
            (200, json!({"items": items, "next_cursor": null}))
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
