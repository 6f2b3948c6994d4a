//! The fake broker's HTTP API, as far as the churn needs it.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{SEAT, State, Vice};

/// What a broker takes that does not grow, and what is added at each look where it does.
const MEMORY_BYTES: i64 = 20 << 20;
const GROWTH_BYTES: i64 = 1 << 20;

/// One request per connection: head and body are read, one answer written.
pub(crate) async fn answer(state: &State, mut stream: TcpStream) {
    let mut received = Vec::new();
    let (head, body) = loop {
        if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&received).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().expect("a length")) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let text = route(state, &head, &body);
    let length = text.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}");
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn route(state: &State, head: &str, body: &str) -> String {
    let mut words = head.split([' ', '?']);
    let (method, path) = (words.next().expect("a method"), words.next().expect("a path"));
    let parts: Vec<_> = path.split('/').skip(1).collect();
    match (method, parts.as_slice()) {
        ("GET", ["metrics"]) => metrics(state),
        ("POST", [.., "import"]) => {
            json!({"accepted": body.lines().count(), "rejected": []}).to_string()
        }
        ("POST", ["v1", "tokens"]) => tokens(body).to_string(),
        ("GET", [.., "licences"]) => {
            let none = json!({"total": 0, "used": 0});
            let row = json!({"licence": SEAT, "model": "concurrent",
                "concurrent": {"total": 20, "used": 0}, "contingency": none});
            json!({"items": [row], "next_cursor": null}).to_string()
        }
        ("GET", ["v1", "organisations", organisation, "licence-usage"]) => {
            let log = state.log().get(*organisation).cloned().unwrap_or_default();
            let record = |(usage_type, session): &(&str, u64)| json!({"usage_type": usage_type, "licence": SEAT, "session": session.to_string()});
            let items: Vec<_> = log.iter().map(record).collect();
            json!({"items": items, "next_cursor": null}).to_string()
        }
        _ => json!({}).to_string(),
    }
}

fn tokens(body: &str) -> Value {
    let asked: Value = serde_json::from_str(body).expect("JSON");
    let wanted = asked["tokens"].as_array().expect("a list").clone();
    let issue = |want: &Value| {
        let sub = want["sub"].as_str().expect("a user");
        json!({"sub": sub, "token": format!("token-{sub}")})
    };
    json!({"items": wanted.iter().map(issue).collect::<Vec<_>>()})
}

fn metrics(state: &State) -> String {
    let looks = state.looks.fetch_add(1, Ordering::Relaxed);
    let grown = if state.vice == Vice::Grows { looks * GROWTH_BYTES } else { 0 };
    let memory = MEMORY_BYTES + grown;
    let alive = state.alive.load(Ordering::Relaxed);
    let boards = state.boards.load(Ordering::Relaxed);
    let descriptors = 10 + alive + boards;
    format!(
        "process_resident_memory_bytes {memory}\nprocess_open_fds {descriptors}\n\
         licence_broker_actors{{kind=\"organisation\"}} 2\n\
         licence_broker_actors{{kind=\"session\"}} {alive}\n\
         licence_broker_actors{{kind=\"wallboard\"}} {boards}\nlicence_broker_sessions{{device=\"deskphone\"}} {alive}\n\
         licence_broker_store_memory_bytes 0\n"
    )
}
