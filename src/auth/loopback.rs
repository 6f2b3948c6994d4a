//! A server of key sets for tests: it answers every request with the bytes that it was told last.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what must come before it fails.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What the server does with a request.
#[derive(Clone, Copy)]
enum Manner {
    /// Answers and closes.
    Answer,
    /// Answers and holds the connection open.
    AnswerAndHold,
    /// Holds the connection open.
    Hold,
    /// Stops serving.
    Stop,
}

struct Script {
    answer: Vec<u8>,
    manner: Manner,
}

/// Listens until it is dropped.
pub(super) struct Loopback {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    counts: Arc<Counts>,
}

impl Loopback {
    pub(super) fn serving(answer: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let script = Script { answer: answer.to_vec(), manner: Manner::Answer };
        let script = Arc::new(Mutex::new(script));
        let counts = Arc::new(Counts::default());
        let (served, counted) = (script.clone(), counts.clone());
        thread::spawn(move || serve(&listener, &served, &counted));
        Self { address, script, counts }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/keys.json", self.address)
    }

    /// Answers this from now on.
    pub(super) fn serve(&self, answer: &[u8]) {
        self.change(|script| *script = Script { answer: answer.to_vec(), manner: Manner::Answer });
    }

    /// Takes requests and answers none.
    pub(super) fn stall(&self) {
        self.change(|script| script.manner = Manner::Hold);
    }

    /// Answers, and neither goes on nor closes.
    pub(super) fn stall_after_answers(&self) {
        self.change(|script| script.manner = Manner::AnswerAndHold);
    }

    /// How many requests there were.
    pub(super) fn fetches(&self) -> usize {
        self.counts.asked.load(Ordering::SeqCst)
    }

    /// Waits until so many requests were answered.
    pub(super) async fn fetched(&self, count: usize) {
        let started = Instant::now();
        while self.counts.answered.load(Ordering::SeqCst) < count {
            assert!(started.elapsed() < PATIENCE, "{} of {count} fetches", self.fetches());
            tokio::task::yield_now().await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.change(|script| script.manner = Manner::Stop);
        // Wakes the server, so that it sees; gone already is as good.
        let _ = TcpStream::connect(self.address);
    }
}

/// A request counts as asked before its answer leaves, so that whoever has the answer finds it counted;
/// and as answered afterwards.
#[derive(Default)]
struct Counts {
    asked: AtomicUsize,
    answered: AtomicUsize,
}

fn serve(listener: &TcpListener, script: &Mutex<Script>, counts: &Counts) {
    let mut held = Vec::new();
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        let (answer, manner) = {
            let script = script.lock().unwrap_or_else(PoisonError::into_inner);
            (script.answer.clone(), script.manner)
        };
        if matches!(manner, Manner::Stop) {
            return;
        }
        let head = BufReader::new(&stream).lines();
        head.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
        counts.asked.fetch_add(1, Ordering::SeqCst);
        if !matches!(manner, Manner::Hold) {
            // A client that has seen enough hangs up.
            let _ = stream.write_all(&answer);
        }
        if !matches!(manner, Manner::Answer) {
            held.push(stream);
        }
        counts.answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// An answer with a body.
pub(super) fn response(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The answer that is a key set.
pub(super) fn set(keys: &[Value]) -> Vec<u8> {
    response("200 OK", json!({ "keys": keys }).to_string().as_bytes())
}
