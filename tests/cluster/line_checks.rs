//! The line does what it is told.

use crate::line::{Flow, Line};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// A server that says what it hears, and tells the test.
async fn echo() -> (Line, mpsc::UnboundedReceiver<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let line = Line::to(listener.local_addr().unwrap()).await;
    let (heard, hears) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let heard = heard.clone();
            tokio::spawn(async move {
                while let Ok(byte) = stream.read_u8().await {
                    let _ = heard.send(byte);
                    let _ = stream.write_u8(byte).await;
                }
            });
        }
    });
    (line, hears)
}

async fn arrives(hears: &mut mpsc::UnboundedReceiver<u8>) -> Option<u8> {
    timeout(PATIENCE, hears.recv()).await.expect("something in time")
}

async fn answer(stream: &mut TcpStream) -> Option<u8> {
    timeout(PATIENCE, stream.read_u8()).await.expect("something in time").ok()
}

#[tokio::test]
async fn what_is_sent_on_a_stalled_line_arrives_when_it_is_whole_again() {
    let (line, mut hears) = echo().await;
    let mut stream = TcpStream::connect(line.address).await.unwrap();
    stream.write_u8(1).await.unwrap();
    assert_eq!((arrives(&mut hears).await, answer(&mut stream).await), (Some(1), Some(1)));
    line.set(Flow::Stalled);
    stream.write_u8(2).await.unwrap();
    let mut another = TcpStream::connect(line.address).await.unwrap();
    another.write_u8(3).await.unwrap();
    assert!(hears.is_empty());
    line.heal();
    assert_eq!(answer(&mut stream).await, Some(2), "late, and not lost");
    assert_eq!(answer(&mut another).await, Some(3));
}

#[tokio::test]
async fn a_line_that_loses_answers_lets_requests_pass_and_is_reset_when_it_is_healed() {
    let (line, mut hears) = echo().await;
    let mut stream = TcpStream::connect(line.address).await.unwrap();
    stream.write_u8(1).await.unwrap();
    assert_eq!(answer(&mut stream).await, Some(1));
    line.set(Flow::AnswersLost);
    stream.write_u8(2).await.unwrap();
    assert_eq!((arrives(&mut hears).await, arrives(&mut hears).await), (Some(1), Some(2)));
    line.heal();
    assert_eq!(answer(&mut stream).await, None, "nobody may go on with half a conversation");
    let mut another = TcpStream::connect(line.address).await.unwrap();
    another.write_u8(3).await.unwrap();
    assert_eq!(answer(&mut another).await, Some(3));
}

#[tokio::test]
async fn a_line_that_is_cut_resets_what_there_is_and_what_comes() {
    let (line, _hears) = echo().await;
    let mut stream = TcpStream::connect(line.address).await.unwrap();
    stream.write_u8(1).await.unwrap();
    assert_eq!(answer(&mut stream).await, Some(1));
    line.set(Flow::Cut);
    assert_eq!(answer(&mut stream).await, None);
    let mut another = TcpStream::connect(line.address).await.unwrap();
    assert_eq!(answer(&mut another).await, None);
    line.heal();
    line.snap();
    let mut third = TcpStream::connect(line.address).await.unwrap();
    third.write_u8(3).await.unwrap();
    assert_eq!(answer(&mut third).await, Some(3));
}
