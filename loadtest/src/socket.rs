//! One WebSocket to the broker: opening it, and what can come out of it.

use std::io;
use std::net::Ipv4Addr;

use futures_util::{SinkExt, StreamExt};
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderValue, LOCATION, SEC_WEBSOCKET_PROTOCOL};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{
    Error, Message as Frame, Utf8Bytes, handshake::client::Request,
};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::limits::{CLOSE_WAIT, HOPS_MAX, MESSAGE_BYTES_MAX, MOVED, SOCKET_BUFFER_BYTES};
use crate::net::connect;
use crate::target::{Place, Target};
use crate::wire::{Message, SUBPROTOCOL};

pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// Told where the organisation went if this ends by 4002.
    target: Target,
    organisation: u64,
}

/// Why a WebSocket could not be opened.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// The upgrade was answered with this HTTP status.
    Http(u16),
    /// No connection, or no HTTP that is understood; in words.
    Transport(String),
}

impl NotOpened {
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::Http(status) => format!("HTTP {status}"),
            Self::Transport(why) => why,
        }
    }
}

/// What came in. Every one but the last two proves that the broker is alive.
#[derive(Debug)]
pub(crate) enum Incoming {
    Said(Message),
    /// A protocol ping or pong, which asks for nothing here.
    Alive,
    /// A text that is no message of the protocol, or a binary frame.
    Nonsense,
    /// A close frame with its code, if it has one.
    Closed(Option<u16>),
    /// The connection ended without a close frame; in words.
    Lost(String),
}

impl Socket {
    /// Connects and upgrades, with the token in the `Authorization` header.
    pub(crate) async fn open(
        target: &Target,
        organisation: u64,
        authorization: &HeaderValue,
        source: Option<Ipv4Addr>,
    ) -> Result<Self, NotOpened> {
        Self::open_kind("session", target, organisation, authorization, source).await
    }

    /// The same, for an organisation's live counts.
    pub(crate) async fn open_live(
        target: &Target,
        organisation: u64,
        authorization: &HeaderValue,
    ) -> Result<Self, NotOpened> {
        Self::open_kind("live", target, organisation, authorization, None).await
    }

    /// Goes where the organisation is; a few times further if it is sent on.
    async fn open_kind(
        kind: &str,
        target: &Target,
        organisation: u64,
        authorization: &HeaderValue,
        source: Option<Ipv4Addr>,
    ) -> Result<Self, NotOpened> {
        for _ in 0..=HOPS_MAX {
            let place = target.place(organisation, authorization).await;
            let url = place.socket(organisation, kind);
            match open_at(&url, &place, authorization, source).await {
                Ok(stream) => return Ok(Self { stream, target: target.clone(), organisation }),
                Err(Error::Http(answer)) => {
                    let elsewhere = answer.headers().get(LOCATION).and_then(|it| it.to_str().ok());
                    let is_sent_on = answer.status() == StatusCode::TEMPORARY_REDIRECT
                        && elsewhere.is_some_and(|url| target.moved(organisation, url));
                    if !is_sent_on {
                        return Err(NotOpened::Http(answer.status().as_u16()));
                    }
                }
                Err(error) => {
                    target.lost(organisation);
                    return Err(NotOpened::Transport(in_words(&error)));
                }
            }
        }
        target.lost(organisation);
        Err(NotOpened::Transport("sent on too often".to_owned()))
    }

    /// Its port is free again as soon as it is dropped: the peer gets a reset then. Thousands of ports that
    /// wait for late packets make each further connection dearer, for both ends of it.
    pub(crate) fn reset_when_dropped(&self) {
        // One that cannot be told ends as others do.
        let _ = self.stream.get_ref().set_zero_linger();
    }

    /// Sends a text.
    ///
    /// # Errors
    ///
    /// Where the connection is over; in words.
    pub(crate) async fn send(&mut self, text: String) -> Result<(), String> {
        self.stream.send(Frame::text(text)).await.map_err(|error| in_words(&error))
    }

    /// Waits for what comes next. Nothing is lost where the wait is given up.
    pub(crate) async fn next(&mut self) -> Incoming {
        match self.stream.next().await {
            Some(Ok(Frame::Text(text))) => {
                serde_json::from_str(&text).map_or(Incoming::Nonsense, Incoming::Said)
            }
            Some(Ok(Frame::Binary(_))) => Incoming::Nonsense,
            Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => Incoming::Alive,
            Some(Ok(Frame::Close(close))) => Incoming::Closed(self.closed(close)),
            Some(Err(error)) => Incoming::Lost(in_words(&error)),
            None => Incoming::Lost("ended".to_owned()),
        }
    }

    /// Waits for the next message, whatever its type; the code of the close where there is none.
    pub(crate) async fn next_value(&mut self) -> Result<Value, Option<u16>> {
        serde_json::from_str(&self.next_text().await?).map_err(|_| None)
    }

    /// The same, as it came.
    pub(crate) async fn next_text(&mut self) -> Result<Utf8Bytes, Option<u16>> {
        loop {
            match self.stream.next().await {
                Some(Ok(Frame::Text(text))) => return Ok(text),
                Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => {}
                Some(Ok(Frame::Close(close))) => return Err(self.closed(close)),
                Some(Ok(Frame::Binary(_)) | Err(_)) | None => return Err(None),
            }
        }
    }

    /// The code of a close frame, if it has one. Where it says that the organisation moved, whoever comes next
    /// goes there.
    fn closed(&self, close: Option<CloseFrame>) -> Option<u16> {
        let CloseFrame { code, reason } = close?;
        let code = u16::from(code);
        if code == MOVED {
            self.target.moved(self.organisation, &reason);
        }
        Some(code)
    }

    /// Says goodbye by a close frame, and sees the connection out.
    pub(crate) async fn close(mut self) {
        // A connection that is over already is as good as closed.
        let _ = self.stream.close(None).await;
        self.see_out().await;
    }

    /// After a close frame came: answers it, and waits (3 s at most) for the broker to end the
    /// connection.
    pub(crate) async fn see_out(mut self) {
        let to_the_end = async { while let Some(Ok(_)) = self.stream.next().await {} };
        // A broker that does not end it in time is cut off by the drop of the socket.
        let _ = timeout(CLOSE_WAIT, to_the_end).await;
    }
}

async fn open_at(
    url: &str,
    place: &Place,
    authorization: &HeaderValue,
    source: Option<Ipv4Addr>,
) -> Result<WebSocketStream<TcpStream>, Error> {
    let request = upgrade(url, authorization)?;
    let address = place.look_up().await.map_err(io::Error::other)?;
    let stream = connect(address, source).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MESSAGE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    Ok(client_async_with_config(request, stream, Some(config)).await?.0)
}

fn upgrade(url: &str, authorization: &HeaderValue) -> Result<Request, Error> {
    let mut request = url.into_client_request()?;
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, authorization.clone());
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    Ok(request)
}

/// Few different words for many errors, so that they can be counted.
fn in_words(error: &Error) -> String {
    if let Error::Io(error) = error {
        return error.kind().to_string();
    }
    if matches!(error, Error::ConnectionClosed | Error::AlreadyClosed) {
        return "ended".to_owned();
    }
    error.to_string()
}
