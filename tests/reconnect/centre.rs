//! The contact centre of these tests: three agents who have everything that was bought, and a rival who
//! wants it.

use crate::child::Home;
use crate::forwarder::Forwarder;
use crate::support::agent::token;
use crate::support::socket::{Heard, Socket};
use licence_broker::auth::Role;
use serde_json::{Value, json};
use std::net::SocketAddr;

pub(crate) const ORGANISATION: u64 = 129;
const SEAT: &str = "inbound_agent";
const EMAIL: &str = "agent_email";

/// Agents in the order in which they log in. Two seats are concurrent and one is contingency; the first has
/// the only e-mail licence, and the others wait for it.
pub(crate) const AGENTS: [&str; 3] = ["edred", "osric", "wulfric"];
const RIVAL: &str = "penda";

/// Where the broker is, and how devices come to it.
pub(crate) struct Centre {
    pub(crate) home: Home,
    pub(crate) forwarder: Forwarder,
}

/// An agent on a desktop.
pub(crate) struct Desk {
    pub(crate) socket: Socket,
    /// As `logged_in` told it.
    pub(crate) welcome: Value,
}

/// What must not change while nobody logs in or out.
#[derive(Debug, PartialEq)]
pub(crate) struct Charged {
    usage: Vec<Value>,
    denials_but_the_rivals: usize,
    contingency: Vec<Value>,
    waiting: Vec<Value>,
}

impl Centre {
    /// What was bought, and who is there to have it; a broker must be running.
    pub(crate) async fn found(home: Home) -> Self {
        let operator = &home.operator;
        operator.create_organisation(ORGANISATION).await;
        operator.buy(ORGANISATION, SEAT, 2, 1).await;
        operator.buy(ORGANISATION, EMAIL, 1, 0).await;
        for user in AGENTS.into_iter().chain([RIVAL]) {
            operator.add_user(ORGANISATION, user, SEAT, &[EMAIL]).await;
        }
        let forwarder = Forwarder::to(home.address).await;
        Self { home, forwarder }
    }

    async fn connect(&self, address: SocketAddr) -> Socket {
        let url = format!("ws://{address}/v1/organisations/{ORGANISATION}/session");
        let (socket, _) = tokio_tungstenite::connect_async(url).await.expect("an upgrade");
        Socket(socket)
    }

    fn token(&self, user: &str) -> String {
        token(&self.home.authenticator, Role::Device, ORGANISATION, user)
    }

    /// A socket through the forwarder on which nothing was said.
    pub(crate) async fn connect_as_device(&self) -> Socket {
        self.connect(self.forwarder.address).await
    }

    pub(crate) fn login_message(&self, user: &str) -> Value {
        json!({ "type": "login", "token": self.token(user), "device": "agent_desktop",
            "wait": true, "grace_s": 60 })
    }

    pub(crate) fn resume_message(&self, user: &str, welcome: &Value) -> Value {
        json!({ "type": "resume", "token": self.token(user),
            "session": welcome["session"], "resume_token": welcome["resume_token"] })
    }

    pub(crate) async fn log_in(&self, user: &str) -> Desk {
        let mut socket = self.connect_as_device().await;
        let welcome = socket.ask(self.login_message(user)).await;
        assert_eq!(welcome["type"], "logged_in", "{user}: {welcome}");
        Desk { socket, welcome }
    }

    /// Everybody but the rival.
    pub(crate) async fn open_shift(&self) -> Vec<Desk> {
        let mut desks = Vec::new();
        for user in AGENTS {
            desks.push(self.log_in(user).await);
        }
        let pools = desks.iter().map(|desk| desk.welcome["granted"][0]["pool"].clone());
        assert!(pools.eq(["concurrent", "concurrent", "contingency"]), "as many as were bought");
        assert_eq!(desks[0].welcome["granted"][1]["licence"], EMAIL);
        for desk in &desks[1..] {
            assert_eq!(desk.welcome["waiting"], json!([EMAIL]));
        }
        desks
    }

    /// Resumes with what `logged_in` told, and is told the same again.
    pub(crate) async fn resume(&self, user: &str, welcome: Value) -> Desk {
        let mut socket = self.connect_as_device().await;
        socket.send(self.resume_message(user, &welcome)).await;
        let mut expected = welcome.clone();
        expected["type"] = json!("resumed");
        assert_eq!(socket.hear().await, Heard::Message(expected), "{user}");
        Desk { socket, welcome }
    }

    /// Somebody else wants a seat, past the forwarder.
    pub(crate) async fn assert_nobody_else_gets_in(&self) {
        let mut socket = self.connect(self.home.address).await;
        let refused = socket.ask(self.login_message(RIVAL)).await;
        assert_eq!(refused["reason"], "seat_exhausted", "{refused}");
        assert_eq!(socket.closed().await, (4010, "seat_exhausted".to_owned()));
    }

    /// Contingency seats.
    pub(crate) async fn contingency(&self) -> Value {
        self.home.operator.licence(ORGANISATION, SEAT).await["contingency"].clone()
    }

    /// What the organisation has been charged for so far.
    pub(crate) async fn charged(&self) -> Charged {
        let operator = &self.home.operator;
        let (mut contingency, mut waiting) = (Vec::new(), Vec::new());
        for licence in [SEAT, EMAIL] {
            let row = operator.licence(ORGANISATION, licence).await;
            contingency.push(row["contingency"].clone());
            waiting.push(row["waiting"].clone());
        }
        let denials = operator.all(&format!("/v1/organisations/{ORGANISATION}/denials")).await;
        let others = denials.iter().filter(|denial| denial["user"] != RIVAL).count();
        let usage = operator.usage(ORGANISATION).await;
        Charged { usage, denials_but_the_rivals: others, contingency, waiting }
    }

    /// Everybody is back: what comes free is given to those who wait, in the order in which they came; then
    /// all go home, and nothing is held.
    pub(crate) async fn close_shift(&self, desks: Vec<Desk>) {
        let [mut first, mut second, mut third] =
            <[Desk; 3]>::try_from(desks).ok().expect("three agents");
        let given = json!({ "type": "granted",
            "licences": [{ "licence": EMAIL, "pool": "concurrent" }] });
        assert_eq!(first.release_email().await["licences"], json!([EMAIL]));
        assert_eq!(second.socket.message().await, given, "who came first");
        assert_eq!(second.release_email().await["licences"], json!([EMAIL]));
        assert_eq!(third.socket.message().await, given, "who came next");
        for desk in [first, second, third] {
            desk.socket.log_out().await;
        }
        let sessions = format!("/v1/organisations/{ORGANISATION}/sessions");
        assert_eq!(self.home.operator.all(&sessions).await, Vec::<Value>::new());
    }
}

impl Desk {
    async fn release_email(&mut self) -> Value {
        self.socket.ask(json!({ "type": "release", "channels": [EMAIL] })).await
    }
}
