//! A broker of a few lines that has a session for whoever logs in, and figures of its own.

mod http;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

pub(crate) const SEAT: &str = "inbound_agent";

/// What the broker does that it must not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vice {
    None,
    /// Takes more memory each time that somebody looks.
    Grows,
    /// Forgets to end what served a session.
    LeavesActors,
    /// Writes no record of a release.
    ForgetsReleases,
}

pub(crate) struct FakeBroker {
    pub(crate) address: SocketAddr,
}

/// Shared by all connections.
pub(crate) struct State {
    pub(crate) vice: Vice,
    /// The session of each user, to be told when another takes over.
    current: Mutex<HashMap<String, Arc<Notify>>>,
    /// `usage_type` and session, by organisation.
    log: Mutex<HashMap<String, Vec<(&'static str, u64)>>>,
    sessions: AtomicU64,
    pub(crate) alive: AtomicI64,
    pub(crate) boards: AtomicI64,
    pub(crate) looks: AtomicI64,
}

impl FakeBroker {
    pub(crate) async fn start(vice: Vice) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            vice,
            current: Mutex::default(),
            log: Mutex::default(),
            sessions: AtomicU64::new(0),
            alive: AtomicI64::new(0),
            boards: AtomicI64::new(0),
            looks: AtomicI64::new(0),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&state), stream));
            }
        });
        Self { address }
    }
}

impl State {
    pub(crate) fn log(&self) -> MutexGuard<'_, HashMap<String, Vec<(&'static str, u64)>>> {
        self.log.lock().expect("no holder of this lock panics")
    }

    /// The user's session before this one is told that another took over.
    fn replace(&self, user: String, taken_over: &Arc<Notify>) {
        let mut current = self.current.lock().expect("no holder of this lock panics");
        if let Some(old) = current.insert(user, Arc::clone(taken_over)) {
            old.notify_one();
        }
    }

    fn write(&self, organisation: &str, usage_type: &'static str, session: u64) {
        if self.vice != Vice::ForgetsReleases || usage_type == "Acquired" {
            self.log().entry(organisation.to_owned()).or_default().push((usage_type, session));
        }
    }
}

async fn serve(state: Arc<State>, stream: TcpStream) {
    let mut head = [0; 2048];
    let length = stream.peek(&mut head).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&head[..length]).into_owned();
    if !head.to_lowercase().contains("upgrade: websocket") {
        return http::answer(&state, stream).await;
    }
    let parts: Vec<&str> = head.split([' ', '/']).collect();
    let (organisation, path) = (parts[4].to_owned(), parts[5]);
    let mut user = String::new();
    let Ok(socket) = accept_hdr_async(stream, Upgrade(&mut user)).await else { return };
    if path == "live" {
        state.boards.fetch_add(1, Ordering::Relaxed);
        follow(socket).await;
        state.boards.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    state.alive.fetch_add(1, Ordering::Relaxed);
    let number = state.sessions.fetch_add(1, Ordering::Relaxed);
    let key = format!("{organisation}/{user}");
    let taken_over = Arc::new(Notify::new());
    state.replace(key, &taken_over);
    talk(&state, socket, &organisation, number, &taken_over).await;
    if state.vice != Vice::LeavesActors {
        state.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes the user's name out of the token.
struct Upgrade<'a>(&'a mut String);

impl Callback for Upgrade<'_> {
    fn on_request(self, asked: &Request, mut answer: Response) -> Result<Response, ErrorResponse> {
        let header = |name| asked.headers().get(name).expect("a header of the contract");
        let protocol = header("sec-websocket-protocol").clone();
        answer.headers_mut().insert("sec-websocket-protocol", protocol);
        let token = header("authorization").to_str().expect("text");
        *self.0 = token.strip_prefix("Bearer token-").expect("a token of ours").to_owned();
        Ok(answer)
    }
}

/// Counts that change all the time, until nobody listens.
async fn follow(mut socket: WebSocketStream<TcpStream>) {
    let _ = socket.next().await;
    for seq in 0.. {
        let counts = json!({"type": "counts", "seq": seq, "licences": []}).to_string();
        if socket.send(Message::text(counts)).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn talk(
    state: &State,
    mut socket: WebSocketStream<TcpStream>,
    organisation: &str,
    number: u64,
    taken_over: &Notify,
) {
    let (mut is_in, mut code) = (false, None);
    while code.is_none() {
        let heard = tokio::select! {
            () = taken_over.notified() => { code = Some(4504); break }
            heard = socket.next() => heard,
        };
        let Some(Ok(Message::Text(text))) = heard else { break };
        let request: Value = serde_json::from_str(&text).expect("JSON");
        let id = &request["id"];
        let answer = match request["type"].as_str() {
            Some("login") => {
                is_in = true;
                state.write(organisation, "Acquired", number);
                let granted = [json!({"licence": SEAT, "pool": "concurrent"})];
                json!({"type": "logged_in", "id": id, "session": number.to_string(),
                    "resume_token": "r", "granted": granted, "denied": [], "waiting": []})
            }
            Some("resume") => {
                code = Some(4508);
                break;
            }
            Some("acquire") => json!({"type": "acquired", "id": id, "granted": []}),
            Some("release") => json!({"type": "error", "id": id, "code": "not_held"}),
            Some("logout") => {
                code = Some(1000);
                json!({"type": "logged_out", "id": id, "released": [SEAT]})
            }
            Some(_) | None => json!({"type": "pong", "id": id}),
        };
        if socket.send(Message::text(answer.to_string())).await.is_err() {
            break;
        }
    }
    if is_in {
        state.write(organisation, "Released", number);
    }
    if let Some(code) = code {
        let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
        let _ = socket.close(Some(frame)).await;
    }
}
