//! The demo, in this process, with what a test does to it from outside.

use crate::support::socket::{PATIENCE, Socket};
use licence_broker::auth::Role;
use licence_broker::demo::{self, ORGANISATION, Options};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Long enough that nothing in a test falls silent by accident.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A demo on a thread of its own; stopped at once when it is dropped.
pub(crate) struct DemoBroker {
    pub(crate) address: SocketAddr,
    admin_token: String,
    /// Sending drains the broker, dropping halts it; taken once.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl DemoBroker {
    /// On a free port, with so many made-up agents.
    pub(crate) async fn start(agents: usize) -> Self {
        let (started, starting) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let options = Options { port: 0, agents, heartbeat: HEARTBEAT };
        let thread = std::thread::spawn(move || {
            actix::System::new().block_on(async move {
                let demo = demo::start(options).await.unwrap();
                started.send((demo.running.address, demo.token(Role::Admin, "admin"))).unwrap();
                match ended.await {
                    Ok(()) => demo.stop().await,
                    Err(_) => demo.running.halt().await,
                }
            });
        });
        let (address, admin_token) = starting.await.expect("the demo starts");
        Self { address, admin_token, end: Some(end), thread: Some(thread) }
    }

    /// Stops as on SIGTERM: devices are told, and sent away.
    pub(crate) async fn drain(mut self) {
        self.end.take().unwrap().send(()).unwrap();
        let thread = self.thread.take().unwrap();
        tokio::task::spawn_blocking(move || thread.join()).await.unwrap().expect("a clean end");
    }

    /// Sets what was bought of a concurrent type.
    pub(crate) async fn buy(&self, licence: &str, concurrent: u32, contingency: u32) {
        let base = if licence == "inbound_agent" { 1_000 } else { 0 };
        let body = json!({
            "base": base, "concurrent": concurrent, "contingency": contingency, "fixed": 0,
        });
        self.call(Method::PUT, &format!("licences/{licence}"), Some(body)).await;
    }

    /// The sessions that the broker knows, lingering ones too.
    pub(crate) async fn sessions(&self) -> Vec<Value> {
        self.items("sessions").await
    }

    /// Waits until it knows no session any more.
    pub(crate) async fn is_left_by_all(&self) {
        let gone = async {
            while !self.sessions().await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, gone).await.expect("every session ends");
    }

    /// Waits until a number in a row of View Licences is this.
    pub(crate) async fn counts(&self, licence: &str, pointer: &str, number: u32) {
        let reached = async {
            loop {
                let rows = self.items("licences?class=user_type,feature").await;
                let row = rows.iter().find(|row| row["licence"] == licence).unwrap();
                if row.pointer(pointer) == Some(&json!(number)) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let reached = timeout(PATIENCE, reached).await;
        reached.unwrap_or_else(|_| panic!("{licence}{pointer} never became {number}"));
    }

    /// What was denied, oldest first.
    pub(crate) async fn denials(&self) -> Vec<Value> {
        self.items("denials").await
    }

    /// The per-user log, oldest first.
    pub(crate) async fn usage(&self) -> Vec<Value> {
        self.items("licence-usage").await
    }

    /// Ends a session as an administrator.
    pub(crate) async fn force_log_out(&self, session: &str) {
        self.call(Method::DELETE, &format!("sessions/{session}"), None).await;
    }

    /// Logs in over a socket of the test's own, expecting success.
    pub(crate) async fn log_in(&self, user: &str, device: &str) -> Socket {
        let url = format!("ws://{}/v1/organisations/{ORGANISATION}/session", self.address);
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let mut socket = Socket(socket);
        let token = self.device_token(user).await;
        let login = json!({ "type": "login", "token": token, "device": device });
        let answer = socket.ask(login).await;
        assert_eq!(answer["type"], "logged_in", "{user}: {answer}");
        socket
    }

    async fn device_token(&self, user: &str) -> String {
        let url = format!("http://{}/demo/token", self.address);
        let request = Client::new().post(url).json(&json!({ "user": user }));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["token"].as_str().unwrap().to_owned()
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        let answer = self.call(Method::GET, path, None).await;
        answer["items"].as_array().unwrap().clone()
    }

    /// Calls a path below the organisation as its administrator, expecting success; nothing for the
    /// organisation itself.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("http://{}/v1/organisations/{ORGANISATION}/{path}", self.address);
        let url = url.trim_end_matches('/');
        let mut request = Client::new().request(method, url).bearer_auth(&self.admin_token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        if status == StatusCode::NO_CONTENT {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap()
        }
    }
}

impl Drop for DemoBroker {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            assert!(joined.is_ok() || std::thread::panicking(), "the demo's thread panicked");
        }
    }
}
