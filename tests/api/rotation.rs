//! An issuer rotates its keys under a broker that runs: logins, sessions and their fresh tokens.

use crate::support::broker::{Setup, TestBroker};
use crate::support::signer::{Signer, key_set};
use crate::support::socket::{Heard, Socket};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use std::path::PathBuf;
use tempfile::TempDir;

/// A broker with two seats, and the file in which an issuer publishes its keys.
struct Stage {
    broker: TestBroker,
    path: PathBuf,
    _folder: TempDir,
}

impl Stage {
    async fn open(keys: &[Value]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("keys.json");
        std::fs::write(&path, key_set(keys)).unwrap();
        let jwks = Some(path.to_str().unwrap().to_owned());
        let broker = TestBroker::with(Setup { jwks, ..Setup::default() }).await;
        let operator = broker.operator();
        operator.create_organisation(129).await;
        operator.buy(129, "inbound_agent", 2, 0).await;
        for user in ["edred", "osric"] {
            operator.add_user(129, user, "inbound_agent", &[]).await;
        }
        Self { broker, path, _folder: folder }
    }

    fn publish(&self, keys: &[Value]) {
        std::fs::write(&self.path, key_set(keys)).unwrap();
    }

    /// The first thing that is heard after a first message with this token.
    async fn first(&self, path: &str, kind: &str, token: &str) -> (Socket, Heard) {
        let mut socket = self.broker.connect(129, path).await;
        socket.send(json!({"type": kind, "token": token, "device": "agent_desktop"})).await;
        let heard = socket.hear().await;
        (socket, heard)
    }
}

fn token(signer: &Signer, key_id: &str, role: &str, sub: &str) -> String {
    let exp = (Utc::now() + TimeDelta::hours(1)).timestamp();
    signer.token(key_id, &json!({"sub": sub, "org": 129, "role": role, "exp": exp}))
}

fn refresh(token: &str) -> Value {
    json!({"type": "refresh", "id": 5, "token": token})
}

#[tokio::test]
async fn while_two_keys_are_alive_a_session_changes_from_one_to_the_other_and_back() {
    let (old, new) = (Signer::ed(), Signer::rsa());
    let stage = Stage::open(&[old.named("k1"), new.named("k2")]).await;
    for (first, second) in [((&old, "k1"), (&new, "k2")), ((&new, "k2"), (&old, "k1"))] {
        let of = |(signer, name): (&Signer, &str)| token(signer, name, "device", "edred");
        let (mut desk, _) = stage.first("session", "login", &of(first)).await;
        for fresh in [of(second), of(first)] {
            let answer = desk.ask(refresh(&fresh)).await;
            assert_eq!((&answer["type"], &answer["id"]), (&json!("refreshed"), &json!(5)));
        }
        desk.log_out().await;
    }
}

#[tokio::test]
async fn sessions_take_the_first_token_of_a_new_key_and_outlive_the_old_key() {
    let (old, new) = (Signer::ed(), Signer::ec());
    let stage = Stage::open(&[old.named("k1")]).await;
    let desk = stage.first("session", "login", &token(&old, "k1", "device", "edred")).await;
    let board = stage.first("live", "subscribe", &token(&old, "k1", "wallboard", "lobby")).await;
    let ((mut desk, welcome), (mut board, counts)) = (desk, board);
    assert!(matches!(&welcome, Heard::Message(told) if told["type"] == "logged_in"), "{welcome:?}");
    assert!(matches!(&counts, Heard::Message(told) if told["type"] == "snapshot"), "{counts:?}");

    stage.publish(&[new.named("k2")]);
    // Nobody has looked at the set since: both wait for it to be read.
    desk.send(refresh(&token(&new, "k2", "device", "edred"))).await;
    board.send(refresh(&token(&new, "k2", "wallboard", "lobby"))).await;
    assert_eq!(desk.message().await["type"], "refreshed");
    assert_eq!(board.message().await["type"], "refreshed");
    let late = stage.first("session", "login", &token(&old, "k1", "device", "osric")).await;
    assert_eq!(late.1, Heard::Closed(4502, "unauthorised".to_owned()), "the old key is refused");
    assert_eq!(desk.ask(json!({"type": "ping"})).await["type"], "pong", "who came by it stays");
}

#[tokio::test]
async fn a_token_under_a_name_that_is_never_published_ends_the_session_when_the_set_was_read() {
    let (signer, stranger) = (Signer::ed(), Signer::ed());
    let stage = Stage::open(&[signer.named("k1")]).await;
    let login = token(&signer, "k1", "device", "edred");
    let (mut desk, _) = stage.first("session", "login", &login).await;
    desk.send(refresh(&token(&stranger, "k9", "device", "edred"))).await;
    assert_eq!(desk.closed().await, (4502, "unauthorised".to_owned()));
}
