//! A node that has nothing sends everybody to the one that has it; the tool goes there.

use std::net::SocketAddr;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{FakeBroker, Vice};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

/// More than any head here has.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// The wrong node, and what it was asked.
struct WrongNode {
    address: SocketAddr,
    asked: Arc<Asked>,
}

#[derive(Default)]
struct Asked {
    endpoint: AtomicUsize,
    sockets: AtomicUsize,
}

impl WrongNode {
    async fn start(owner: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::<Asked>::default();
        let counting = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, owner, Arc::clone(&counting)));
            }
        });
        Self { address, asked }
    }
}

async fn serve(mut stream: TcpStream, owner: SocketAddr, asked: Arc<Asked>) {
    let mut seen = vec![0; HEAD_BYTES_MAX];
    let head = loop {
        let size = stream.peek(&mut seen).await.expect("a connection");
        let text = String::from_utf8_lossy(&seen[..size]).into_owned();
        if size == 0 || text.contains("\r\n\r\n") {
            break text;
        }
        tokio::task::yield_now().await;
    };
    if head.to_ascii_lowercase().contains("upgrade: websocket") {
        asked.sockets.fetch_add(1, Ordering::Relaxed);
        return send_away(stream, owner).await;
    }
    let path = head.split(' ').nth(1).expect("a path");
    let answer = if path.ends_with("/endpoint") {
        asked.endpoint.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "url": format!("http://{owner}"), "here": false }).to_string();
        format!("200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    } else {
        format!("307 Elsewhere\r\nLocation: http://{owner}{path}\r\nContent-Length: 0\r\n\r\n")
    };
    let answer = answer.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await.expect("a reader");
    stream.shutdown().await.expect("a reader");
    // Whatever of the request was not read yet.
    while stream.read(&mut seen).await.is_ok_and(|size| size > 0) {}
}

async fn send_away(stream: TcpStream, owner: SocketAddr) {
    let mut socket =
        tokio_tungstenite::accept_hdr_async(stream, AsOffered).await.expect("an upgrade");
    // The first message names who comes; only then anybody may be told anything.
    socket.next().await.expect("a message").expect("a frame");
    let reason = format!("http://{owner}").into();
    let close = CloseFrame { code: CloseCode::from(4002), reason };
    socket.send(Message::Close(Some(close))).await.expect("a reader");
    while let Some(Ok(_)) = socket.next().await {}
}

struct AsOffered;

impl Callback for AsOffered {
    fn on_request(
        self,
        request: &Request,
        mut answer: Response,
    ) -> Result<Response, ErrorResponse> {
        let protocol = request.headers()["sec-websocket-protocol"].clone();
        answer.headers_mut().insert("sec-websocket-protocol", protocol);
        Ok(answer)
    }
}

async fn play(urls: &str, options: &str) -> (Output, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["mass-login", "--operator-token", "the-operator", "--json", "-", "--url", urls])
        .args("--agents 20 --seats 20 --rate 500 --hold 0.2".split_whitespace())
        .args(options.split_whitespace())
        .output()
        .await
        .expect("the tool runs");
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output, report)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn whoever_comes_to_the_wrong_node_is_sent_on_and_logs_in_there() {
    let broker = FakeBroker::start(Vice::None).await;
    let wrong = WrongNode::start(broker.address).await;
    let (output, report) = play(&format!("http://{}", wrong.address), "").await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let outcomes = &report["outcomes"];
    assert_eq!(outcomes["logged_in_full"], 20, "{outcomes}");
    let moved = wrong.asked.sockets.load(Ordering::Relaxed);
    assert!((1..=20).contains(&moved), "{moved}: those that came before it was known");
    assert_eq!(outcomes["close_codes"], json!({ "1000": 20, "4002": moved }));
    assert_eq!(wrong.asked.endpoint.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn whoever_asks_first_comes_to_the_right_node() {
    let broker = FakeBroker::start(Vice::None).await;
    let wrong = WrongNode::start(broker.address).await;
    let (output, report) = play(&format!("http://{}", wrong.address), "--ask-endpoint").await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(report["outcomes"]["close_codes"], json!({ "1000": 20 }));
    assert_eq!(wrong.asked.endpoint.load(Ordering::Relaxed), 20);
    assert_eq!(wrong.asked.sockets.load(Ordering::Relaxed), 0);
}
