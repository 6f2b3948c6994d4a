//! The HTTP API as somebody uses it who knows the nodes, and not which of them owns what.

use crate::support::until::until_seen;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode, header};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A node that does not answer for so long is not there.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// From node to node.
const REDIRECTS_MAX: usize = 5;

/// A caller with a token, who asks one node after the other.
pub(crate) struct Caller {
    client: Client,
    nodes: Vec<SocketAddr>,
    token: String,
    /// Which node is asked next.
    turn: AtomicUsize,
}

impl Caller {
    pub(crate) fn new(nodes: Vec<SocketAddr>, token: String) -> Self {
        // A library drops the token when it is sent to another address, so redirects are followed here.
        let client = Client::builder().redirect(Policy::none()).timeout(ANSWER_WITHIN);
        Self { client: client.build().unwrap(), nodes, token, turn: AtomicUsize::new(0) }
    }

    /// Asks the next node, and whom it names; `None` if there was no answer.
    pub(crate) async fn ask_once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&str>,
    ) -> Option<(StatusCode, Value)> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.ask_node(self.nodes[turn % self.nodes.len()], method, path, body).await
    }

    /// Asks this node, and whom it names.
    pub(crate) async fn ask_node(
        &self,
        node: SocketAddr,
        method: &Method,
        path: &str,
        body: Option<&str>,
    ) -> Option<(StatusCode, Value)> {
        let mut url = format!("http://{node}{path}");
        for _ in 0..REDIRECTS_MAX {
            let mut request = self.client.request(method.clone(), &url).bearer_auth(&self.token);
            if let Some(body) = body {
                let kind = if path.ends_with("/import") {
                    "application/x-ndjson"
                } else {
                    "application/json"
                };
                request = request.header(header::CONTENT_TYPE, kind).body(body.to_owned());
            }
            let answer = request.send().await.ok()?;
            let status = answer.status();
            if status != StatusCode::TEMPORARY_REDIRECT {
                let text = answer.text().await.ok()?;
                return Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)));
            }
            let location = answer.headers().get(header::LOCATION).expect("307 says where");
            url = location.to_str().unwrap().to_owned();
            assert!(url.ends_with(path), "a redirect keeps the path: {path}, {url}");
        }
        None
    }

    /// Asks until there is an answer that is not for want of a node or a store.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let body = body.map(|body| body.as_str().map_or_else(|| body.to_string(), str::to_owned));
        until_seen(&format!("an answer to {method} {path}"), async || {
            let answer = self.ask_once(&method, path, body.as_deref()).await;
            answer.filter(|(status, _)| !status.is_server_error())
        })
        .await
    }

    /// Reads, expecting 200.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "GET {path}: {body}");
        body
    }

    /// Changes, expecting success. A text is sent as it is.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(method.clone(), path, Some(body)).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        answer
    }

    /// Every item of a list, page after page.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let next = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
            let page = self.get(&format!("{path}?limit=1000{next}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return items,
            }
        }
    }
}
