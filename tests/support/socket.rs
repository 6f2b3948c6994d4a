//! A WebSocket as a client that nobody here wrote would hold it.

use super::broker::TestBroker;
use futures_util::{SinkExt, StreamExt};
use licence_broker::auth::Role;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long a test waits for what must come before it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One socket.
pub struct Socket<S = MaybeTlsStream<TcpStream>>(pub WebSocketStream<S>);

/// What came in.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A message.
    Message(Value),
    /// A close frame: code and reason.
    Closed(u16, String),
    /// The end of the connection without a close frame.
    Ended,
}

impl Heard {
    /// What came of reading; `None` for pings and pongs.
    pub fn of(read: Option<Result<Message, Error>>) -> Option<Self> {
        match read {
            Some(Ok(Message::Text(text))) => {
                Some(Self::Message(serde_json::from_str(&text).expect("JSON")))
            }
            Some(Ok(Message::Close(Some(frame)))) => {
                Some(Self::Closed(frame.code.into(), frame.reason.to_string()))
            }
            Some(Ok(Message::Close(None))) => Some(Self::Closed(1005, String::new())),
            Some(Ok(_)) => None,
            Some(Err(_)) | None => Some(Self::Ended),
        }
    }
}

impl TestBroker {
    /// Connects to a path of an organisation, without a token.
    pub async fn connect(&self, organisation: u64, path: &str) -> Socket {
        self.try_connect(organisation, path, &[]).await.expect("an upgrade")
    }

    /// Connects with these headers; an error tells the status of the refusal.
    pub async fn try_connect(
        &self,
        organisation: u64,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Socket, Box<Error>> {
        let url = format!("ws://{}/v1/organisations/{organisation}/{path}", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = tokio_tungstenite::connect_async(request).await.map_err(Box::new)?;
        Ok(Socket(socket))
    }

    /// Connects and logs in, and gives back the socket and the answer, whatever it is.
    pub async fn login(&self, organisation: u64, user: &str, device: &str) -> (Socket, Value) {
        self.login_with(organisation, user, device, json!({})).await
    }

    /// The same, with further fields.
    pub async fn login_with(
        &self,
        organisation: u64,
        user: &str,
        device: &str,
        fields: Value,
    ) -> (Socket, Value) {
        let mut socket = self.connect(organisation, "session").await;
        let token = self.token(Role::Device, organisation, user);
        let mut login = json!({ "type": "login", "token": token, "device": device });
        for (name, value) in fields.as_object().unwrap() {
            login[name] = value.clone();
        }
        let answer = socket.ask(login).await;
        (socket, answer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Sends a message.
    pub async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    /// Sends a text as it is.
    pub async fn send_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("a socket that takes messages");
    }

    /// The next thing that is heard, pings and pongs apart.
    pub async fn hear(&mut self) -> Heard {
        timeout(PATIENCE, self.hear_at_last()).await.expect("something in time")
    }

    async fn hear_at_last(&mut self) -> Heard {
        loop {
            if let Some(heard) = Heard::of(self.0.next().await) {
                return heard;
            }
        }
    }

    /// The next message.
    pub async fn message(&mut self) -> Value {
        match self.hear().await {
            Heard::Message(message) => message,
            other @ (Heard::Closed(..) | Heard::Ended) => {
                panic!("a message was expected: {other:?}")
            }
        }
    }

    /// The close frame, which must be next.
    pub async fn closed(&mut self) -> (u16, String) {
        match self.hear().await {
            Heard::Closed(code, reason) => (code, reason),
            other @ (Heard::Message(_) | Heard::Ended) => {
                panic!("a close frame was expected: {other:?}")
            }
        }
    }

    /// Sends, and answers the next message.
    pub async fn ask(&mut self, message: Value) -> Value {
        self.send(message).await;
        self.message().await
    }

    /// Logs out and waits for the end.
    pub async fn log_out(mut self) -> Value {
        let answer = self.ask(json!({ "type": "logout" })).await;
        assert_eq!(self.closed().await.0, 1000);
        answer
    }

    /// Ends the connection without a close frame.
    pub fn vanish(self) {
        drop(self.0);
    }
}
