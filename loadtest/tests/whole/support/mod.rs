//! A broker of a few lines for the tool to be tested against: it keeps the contract, unless it is
//! told to break it.

mod http;
mod live;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::{Notify, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

pub(crate) const SEAT: &str = "inbound_agent";

/// What the broker does against the contract.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vice {
    None,
    /// Never issues a token.
    StallsSetUp,
    /// Grants whatever is asked for.
    GrantsAll,
    /// Forgets to release.
    Leaks,
    /// Never answers a login.
    Silent,
    /// Answers the upgrade with 503.
    Overloaded,
    /// Sends everybody who comes back away once, with 4004.
    OverloadedOnce,
    /// Has forgotten every session after a restart.
    Forgets,
    /// Writes no record of a release.
    ForgetsReleases,
    /// Bills contingency that nobody used.
    BillsTooMuch,
    /// Throws everybody out whose login another follows.
    ThrowsOut,
    /// Charges anew whoever comes back.
    ChargesAgain,
    /// Never answers a resume.
    SilentToResumes,
    /// Leaves out counts, and does not say so.
    SkipsCounts,
    /// Sends the first counts and no others.
    StopsCounts,
}

pub(crate) struct FakeBroker {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

/// Shared by all connections.
pub(crate) struct State {
    vice: Vice,
    organisations: Mutex<BTreeMap<String, Organisation>>,
    /// What `logged_in` said to each user who asked for grace.
    kept: Mutex<BTreeMap<String, Value>>,
    /// The log: organisation, user, session, and whether it was acquired. One type of licence suffices.
    usage: Mutex<Vec<Record>>,
    /// Sessions that have begun.
    sessions: AtomicU64,
    /// Who was sent away once.
    sent_away: Mutex<BTreeSet<String>>,
    /// Told whenever a request will have no answer.
    stalled: Notify,
    /// Counts restarts; connections end with each.
    restarts: watch::Sender<u32>,
}

pub(crate) struct Record {
    pub(crate) organisation: String,
    pub(crate) user: String,
    pub(crate) session: String,
    pub(crate) is_acquired: bool,
}

#[derive(Default)]
pub(crate) struct Organisation {
    /// Concurrent and contingency, by licence.
    pub(crate) bought: BTreeMap<String, (u64, u64)>,
    pub(crate) holders: BTreeMap<String, BTreeSet<String>>,
}

/// Plays the profile against such a broker to its end; the exit code and the report.
pub(crate) async fn play(profile: &str, vice: Vice, options: &[&str]) -> (Option<i32>, Value) {
    let broker = FakeBroker::start(vice).await;
    let output = command(profile, &broker)
        .args(options.iter().flat_map(|options| options.split_whitespace()))
        .output()
        .await
        .expect("the tool runs");
    assert_eq!(broker.organisations(), Vec::<String>::new(), "what it created is removed");
    (output.status.code(), serde_json::from_slice(&output.stdout).expect("a report"))
}

/// The tool, with its report on standard output.
pub(crate) fn command(profile: &str, broker: &FakeBroker) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command
        .args([profile, "--operator-token", "the-operator", "--json", "-"])
        .args(["--url", &format!("http://{}", broker.address)]);
    command
}

impl FakeBroker {
    pub(crate) async fn start(vice: Vice) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            vice,
            organisations: Mutex::default(),
            kept: Mutex::default(),
            usage: Mutex::default(),
            sessions: AtomicU64::new(0),
            sent_away: Mutex::default(),
            stalled: Notify::new(),
            restarts: watch::Sender::default(),
        });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&serving), stream));
            }
        });
        Self { address, state }
    }

    /// Cuts every connection, as a broker does that is killed; sessions with grace are kept.
    pub(crate) fn restart(&self) {
        self.state.restarts.send_modify(|restarts| *restarts += 1);
    }

    /// Waits until a request is left without an answer.
    pub(crate) async fn until_stalled(&self) {
        self.state.stalled.notified().await;
    }

    /// Organisations that exist now.
    pub(crate) fn organisations(&self) -> Vec<String> {
        self.state.organisations().keys().cloned().collect()
    }

    /// Makes an organisation that no run created.
    pub(crate) fn occupy(&self, number: &str) {
        self.state.organisations().insert(number.to_owned(), Organisation::default());
    }
}

impl State {
    pub(crate) fn organisations(&self) -> MutexGuard<'_, BTreeMap<String, Organisation>> {
        self.organisations.lock().expect("no holder of this lock panics")
    }

    /// Whether the user holds the licence now.
    fn grant(&self, organisation: &str, user: &str, licence: &str) -> bool {
        let mut organisations = self.organisations();
        let Some(organisation) = organisations.get_mut(organisation) else {
            return false;
        };
        let (concurrent, contingency) = organisation.bought[licence];
        let holders = organisation.holders.entry(licence.to_owned()).or_default();
        let free = u64::try_from(holders.len()).expect("few") < concurrent + contingency;
        let granted = free || self.vice == Vice::GrantsAll;
        granted && holders.insert(user.to_owned())
    }

    fn release(&self, organisation: &str, user: &str) {
        if self.vice == Vice::Leaks {
            return;
        }
        let mut is_holder = false;
        if let Some(organisation) = self.organisations().get_mut(organisation) {
            for holders in organisation.holders.values_mut() {
                is_holder |= holders.remove(user);
            }
        }
        if is_holder && self.vice != Vice::ForgetsReleases {
            self.record(organisation, user, false);
        }
    }

    /// Writes a record; a session that begins gets a name, the one that ends is the user's last.
    fn record(&self, organisation: &str, user: &str, is_acquired: bool) -> String {
        let mut usage = self.usage.lock().expect("no panic");
        let last = usage.iter().rfind(|r| r.organisation == organisation && r.user == user);
        let session = match last {
            Some(last) if !is_acquired => last.session.clone(),
            Some(_) | None => format!("{user}-{}", self.sessions.fetch_add(1, Ordering::Relaxed)),
        };
        let (organisation, user) = (organisation.to_owned(), user.to_owned());
        let record = Record { organisation, user, session: session.clone(), is_acquired };
        usage.push(record);
        session
    }
}

async fn serve(state: Arc<State>, mut stream: TcpStream) {
    let mut head = [0; 2048];
    let length = stream.peek(&mut head).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&head[..length]).into_owned();
    if !head.to_lowercase().contains("upgrade: websocket") {
        return http::answer(&state, stream).await;
    }
    if state.vice == Vice::Overloaded {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.expect("an open socket");
        return;
    }
    let organisation = head.split('/').nth(3).expect("a path with an organisation").to_owned();
    let mut user = String::new();
    let accepted = accept_hdr_async(stream, Upgrade(&mut user));
    let Ok(mut socket) = accepted.await else {
        return;
    };
    if head.contains("/live ") {
        return live::follow(&state, &mut socket, &organisation).await;
    }
    let mut restarts = state.restarts.subscribe();
    tokio::select! {
        () = session(&state, &mut socket, &organisation, &user) => {}
        Ok(()) = restarts.changed() => {}
    }
    if !state.kept.lock().expect("no panic").contains_key(&user) {
        state.release(&organisation, &user);
    }
}

/// Takes the user's name out of the token.
struct Upgrade<'a>(&'a mut String);

impl Callback for Upgrade<'_> {
    fn on_request(self, asked: &Request, mut answer: Response) -> Result<Response, ErrorResponse> {
        let header = |name| asked.headers().get(name).expect("a header of the contract");
        let protocol = header("sec-websocket-protocol").clone();
        assert_eq!(protocol, "licence-broker.v1");
        answer.headers_mut().insert("sec-websocket-protocol", protocol);
        let token = header("authorization").to_str().expect("text");
        let (_, user) = token.split_once('-').expect("a token that was issued here");
        user.clone_into(self.0);
        Ok(answer)
    }
}

async fn session(
    state: &State,
    socket: &mut WebSocketStream<TcpStream>,
    organisation: &str,
    user: &str,
) {
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        let request: Value = serde_json::from_str(&text).expect("JSON");
        let answer = match request["type"].as_str() {
            Some("login") if state.vice == Vice::Silent => continue,
            Some("login") => login(state, &request, organisation, user),
            Some("resume") if state.vice == Vice::SilentToResumes => continue,
            Some("resume") => match resume(state, organisation, user) {
                Ok(resumed) => resumed,
                Err(code) => {
                    let code = CloseCode::Library(code);
                    let _ = socket.close(Some(CloseFrame { code, reason: "".into() })).await;
                    return;
                }
            },
            Some("ping") => json!({"type": "pong", "id": request["id"]}),
            Some("logout") => {
                state.kept.lock().expect("no panic").remove(user);
                state.release(organisation, user);
                json!({"type": "logged_out", "id": request["id"], "released": []})
            }
            _ => panic!("not a request: {text}"),
        };
        if socket.send(Message::text(answer.to_string())).await.is_err() {
            return;
        }
        let code = match answer["type"].as_str() {
            Some("logged_in") if state.vice == Vice::ThrowsOut => CloseCode::Library(4000),
            Some("logged_out") => CloseCode::Normal,
            Some("login_refused") => CloseCode::Library(4010),
            _ => continue,
        };
        let _ = socket.close(Some(CloseFrame { code, reason: "".into() })).await;
    }
}

/// What was said at login once more, or the code of a refusal.
fn resume(state: &State, organisation: &str, user: &str) -> Result<Value, u16> {
    let is_first = || state.sent_away.lock().expect("no panic").insert(user.to_owned());
    if state.vice == Vice::OverloadedOnce && is_first() {
        return Err(4004);
    }
    let kept = state.kept.lock().expect("no panic").get(user).cloned();
    let mut resumed = kept.filter(|_| state.vice != Vice::Forgets).ok_or(4508_u16)?;
    resumed["type"] = json!("resumed");
    if state.vice == Vice::ChargesAgain {
        state.record(organisation, user, true);
    }
    Ok(resumed)
}

fn login(state: &State, request: &Value, organisation: &str, user: &str) -> Value {
    let id = &request["id"];
    let exhausted = |licence: &str| json!({"licence": licence, "reason": "exhausted"});
    if !state.grant(organisation, user, SEAT) {
        let denied = [exhausted(SEAT)];
        return json!({"type": "login_refused", "id": id, "reason": "seat_exhausted",
            "denied": denied});
    }
    let channels = ["agent_email", "agent_web_chat"];
    let (granted, denied): (Vec<_>, Vec<_>) =
        channels.into_iter().partition(|licence| state.grant(organisation, user, licence));
    let pool = |licence| json!({"licence": licence, "pool": "concurrent"});
    let granted: Vec<_> = std::iter::once(SEAT).chain(granted).map(pool).collect();
    let denied: Vec<_> = denied.into_iter().map(exhausted).collect();
    let session = state.record(organisation, user, true);
    let welcome = json!({"type": "logged_in", "id": id, "session": session, "resume_token": "r",
        "user": user, "device": request["device"], "granted": granted, "denied": denied,
        "waiting": [], "heartbeat_s": 15, "grace_s": request["grace_s"]});
    if request["grace_s"].as_u64().is_some_and(|grace_s| grace_s > 0) {
        state.kept.lock().expect("no panic").insert(user.to_owned(), welcome.clone());
    }
    welcome
}
