//! A client that follows no rules: bytes as they are, read when it pleases, reset at will.

use super::broker::TestBroker;
use super::socket::PATIENCE;
use licence_broker::auth::Role;
use serde_json::{Value, json};
use socket2::SockRef;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// The first byte of a whole text frame.
pub const TEXT: u8 = 0x81;
/// The first byte of a whole binary frame.
pub const BINARY: u8 = 0x82;
/// The first byte of a close frame.
pub const CLOSE: u8 = 0x88;
/// The first byte of a ping.
pub const PING: u8 = 0x89;
/// The first byte of a pong.
pub const PONG: u8 = 0x8a;

/// One TCP connection.
pub struct Raw {
    pub stream: TcpStream,
    received: Vec<u8>,
}

impl TestBroker {
    /// A TCP connection, with a receive buffer as small as is said.
    pub async fn tcp(&self, receive_buffer: Option<u32>) -> Raw {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = socket.connect(self.address).await.unwrap();
        Raw { stream, received: Vec::new() }
    }

    /// A WebSocket held byte by byte.
    pub async fn raw(&self, organisation: u64, path: &str) -> Raw {
        self.raw_with(organisation, path, None).await
    }

    /// The same, with a receive buffer as small as is said.
    pub async fn raw_with(&self, organisation: u64, path: &str, buffer: Option<u32>) -> Raw {
        let mut raw = self.tcp(buffer).await;
        let path = format!("/v1/organisations/{organisation}/{path}");
        let head = raw.upgrade(&path, "").await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        raw
    }

    /// A device that has logged in and read the answer.
    pub async fn raw_device(&self, user: &str, buffer: Option<u32>, fields: Value) -> Raw {
        let mut raw = self.raw_with(129, "session", buffer).await;
        raw.text(&self.login_message(129, user, "agent_desktop", fields)).await;
        let answer = raw.message().await;
        assert_eq!(answer["type"], "logged_in", "{answer}");
        raw
    }

    /// The text of a login.
    pub fn login_message(
        &self,
        organisation: u64,
        user: &str,
        device: &str,
        fields: Value,
    ) -> String {
        let token = self.token(Role::Device, organisation, user);
        let mut login = json!({ "type": "login", "token": token, "device": device });
        for (name, value) in fields.as_object().unwrap() {
            login[name] = value.clone();
        }
        login.to_string()
    }
}

/// A frame as a client masks it.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x5a, 0x17, 0xc3, 0x08];
    let mut bytes = header(first, payload.len(), 0x80);
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The header of a frame up to the mask.
pub fn header(first: u8, length: usize, mask_bit: u8) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(mask_bit | u8::try_from(length).unwrap()),
        126..=0xffff => {
            bytes.push(mask_bit | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(mask_bit | 127);
            bytes.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes
}

impl Raw {
    /// Sends a handshake with further header lines (each ends with CR LF), and answers the head of the
    /// response.
    pub async fn upgrade(&mut self, path: &str, headers: &str) -> String {
        let host = self.stream.peer_addr().unwrap();
        self.request(&format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        ))
        .await
    }

    /// Sends a request as it stands, and answers the head of the response.
    pub async fn request(&mut self, text: &str) -> String {
        self.bytes(text.as_bytes()).await;
        loop {
            if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.received.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert!(self.read_more().await, "the head of a response");
        }
    }

    /// The body of an answer whose head gives its length.
    pub async fn body_of(&mut self, head: &str) -> String {
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a length").parse().expect("a number");
        while self.received.len() < length {
            assert!(self.read_more().await, "all of the body");
        }
        String::from_utf8(self.received.drain(..length).collect()).unwrap()
    }

    /// Sends bytes as they are.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("in time").expect("taken");
    }

    /// Sends a masked frame.
    pub async fn frame(&mut self, first: u8, payload: &[u8]) {
        self.bytes(&frame(first, payload)).await;
    }

    /// Sends a text frame.
    pub async fn text(&mut self, text: &str) {
        self.frame(TEXT, text.as_bytes()).await;
    }

    /// `false` at the end of the connection, by FIN or reset.
    async fn read_more(&mut self) -> bool {
        let mut some = [0; 4096];
        let read = timeout(PATIENCE, self.stream.read(&mut some)).await.expect("something in time");
        let count = read.unwrap_or(0);
        self.received.extend(&some[..count]);
        count > 0
    }

    /// The next frame: its first byte and its payload; `None` at the end of the connection.
    pub async fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((first, start, end)) = self.whole_frame() {
                let payload = self.received[start..end].to_vec();
                self.received.drain(..end);
                return Some((first, payload));
            }
            if !self.read_more().await {
                return None;
            }
        }
    }

    /// First byte, and where the payload of the first whole frame received starts and ends.
    fn whole_frame(&self) -> Option<(u8, usize, usize)> {
        let (first, short) = (*self.received.first()?, *self.received.get(1)?);
        let (start, length) = match short {
            126 => (4, u16::from_be_bytes(self.received.get(2..4)?.try_into().unwrap()).into()),
            127 => {
                let length = u64::from_be_bytes(self.received.get(2..10)?.try_into().unwrap());
                (10, usize::try_from(length).unwrap())
            }
            short => (2, short.into()),
        };
        (self.received.len() >= start + length).then_some((first, start, start + length))
    }

    /// The next text message.
    pub async fn message(&mut self) -> Value {
        loop {
            let (first, payload) = self.next_frame().await.expect("a message");
            match first {
                TEXT => return serde_json::from_slice(&payload).unwrap(),
                PING | PONG => {}
                other => panic!("frame {other:#x} {payload:?}"),
            }
        }
    }

    /// The code of the close frame, whatever comes before it; `None` if the connection ends without
    /// one, 1005 if it gives no code.
    pub async fn close_code(&mut self) -> Option<u16> {
        loop {
            let (first, payload) = self.next_frame().await?;
            if first == CLOSE {
                let code = payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
                return Some(code.unwrap_or(1005));
            }
        }
    }

    /// Whether the connection ends within this time, whatever comes before.
    pub async fn ends_within(&mut self, time: Duration) -> bool {
        timeout(time, async { while self.read_more().await {} }).await.is_ok()
    }

    /// Resets the connection: no FIN, no goodbye.
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(self);
    }
}
