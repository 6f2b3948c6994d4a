//! SIGTERM: everybody is told, everything is kept, and the process ends well.

use crate::child::Home;
use crate::support::socket::{Heard, Socket};
use serde_json::Value;
use std::time::Duration;

#[tokio::test]
async fn a_broker_that_is_told_to_stop_drains_settles_and_exits_with_0_within_10_s() {
    let home = Home::new();
    let process = home.start().await;
    home.organisation(1, 20, 50).await;
    let mut sockets = Vec::new();
    for number in 0..20 {
        sockets.push(home.log_in(1, number, if number % 2 == 0 { 0 } else { 60 }).await.0);
    }
    let leaving = sockets.pop().unwrap();
    let told = async {
        for socket in &mut sockets {
            assert_eq!(socket.message().await["type"], "draining");
        }
        // There is time to leave in good order.
        let answer = leaving.log_out_when_draining().await;
        assert_eq!(answer["type"], "logged_out");
        for socket in &mut sockets {
            assert_eq!(socket.hear().await, Heard::Closed(1001, "going_away".to_owned()));
        }
    };
    let ((status, took), ()) = tokio::join!(process.terminate(), told);
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");

    let process = home.start().await;
    let records = home.operator.usage(1).await;
    let of = |reason: &str| records.iter().filter(|record| record["reason"] == reason).count();
    assert_eq!((of("broker_restart"), of("logout")), (10 * 3, 3), "the settled licences");
    let sessions = home.operator.all("/v1/organisations/1/sessions").await;
    assert_eq!(sessions.len(), 9, "those with grace can be resumed");
    assert!(sessions.iter().all(|session| session["state"] == "lingering"));
    process.kill();
}

impl Socket {
    async fn log_out_when_draining(mut self) -> Value {
        assert_eq!(self.message().await["type"], "draining");
        self.log_out().await
    }
}

#[tokio::test]
async fn a_broker_without_a_certificate_that_is_told_to_read_it_again_goes_on() {
    let home = Home::new();
    let process = home.start().await;
    home.organisation(1, 1, 1).await;
    process.signal("HUP");
    let (socket, _) = home.log_in(1, 0, 0).await;
    assert!(home.is_ready().await);
    socket.log_out().await;
    let (status, _) = process.terminate().await;
    assert!(status.success(), "{status}");
}
