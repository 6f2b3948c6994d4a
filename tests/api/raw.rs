//! Requests written by hand: nothing tidies their paths, and their bodies may be promised and not sent.
//! Not for answers in chunks.

use crate::support::broker::TestBroker;
use crate::support::socket::PATIENCE;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The header lines, in small letters as far as their names go.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The last part of a problem's type; fails if this is no problem.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], self.status, "{document}");
        assert!(document["title"].is_string() && document["detail"].is_string(), "{document}");
        document["type"].as_str().expect("a type").replace("/problems/", "")
    }
}

/// Sends a request line and header lines as they are, then the body, and reads to the end.
pub(crate) async fn ask(broker: &TestBroker, line: &str, headers: &[&str], body: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(broker.address).await.unwrap();
    let mut head = format!("{line} HTTP/1.1\r\nhost: broker\r\nconnection: close\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses early need not take the rest.
    let _ = stream.write_all(body).await;
    timeout(PATIENCE, read_reply(&mut stream)).await.expect("an answer in time")
}

/// Sends these bytes and reads to the end.
pub(crate) async fn ask_bytes(broker: &TestBroker, bytes: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(broker.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    timeout(PATIENCE, read_reply(&mut stream)).await.expect("an answer in time")
}

/// As [`ask`], with a token.
pub(crate) async fn ask_as(
    broker: &TestBroker,
    token: &str,
    line: &str,
    headers: &[&str],
    body: &[u8],
) -> Reply {
    let authorization = format!("authorization: Bearer {token}");
    let headers: Vec<&str> = headers.iter().copied().chain([authorization.as_str()]).collect();
    ask(broker, line, &headers, body).await
}

async fn read_reply(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    loop {
        if let Some(reply) = complete(&bytes) {
            return reply;
        }
        let read = stream.read_buf(&mut bytes).await.expect("an answer");
        assert!(read > 0, "the end came early: {}", String::from_utf8_lossy(&bytes));
    }
}

/// The answer, once it is here as far as its length says.
fn complete(bytes: &[u8]) -> Option<Reply> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
    let headers = lines.filter_map(|line| line.split_once(": "));
    let reply = Reply {
        status: status.parse().expect("a status"),
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
        body: body.to_owned(),
    };
    let length = reply.header("content-length").map_or(0, |length| length.parse().expect("bytes"));
    (body.len() >= length).then_some(reply)
}
