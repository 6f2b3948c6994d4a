//! A subscriber of live counts who comes and goes.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Shared;
use crate::limits::LEAVE_WAIT;
use crate::socket::Socket;

/// Messages that a subscriber takes before it leaves, at most.
const MESSAGES_MAX: usize = 40;
/// Between two of its lives, at most.
const PAUSE_MS: u64 = 2_000;

/// Subscribes, follows for a while, leaves with or without a close frame, and comes again.
pub(crate) async fn live(
    organisation: u64,
    authorization: HeaderValue,
    seed: u64,
    shared: Arc<Shared>,
    mut leaving: watch::Receiver<bool>,
) {
    let mut rng = StdRng::seed_from_u64(seed);
    loop {
        let pause = Duration::from_millis(rng.random_range(0..PAUSE_MS));
        select! {
            _ = leaving.wait_for(|leaving| *leaving) => return,
            () = sleep(pause) => {}
        }
        let (messages, says_goodbye) = (rng.random_range(1..MESSAGES_MAX), rng.random_bool(0.5));
        let following = follow(organisation, &authorization, messages, says_goodbye, &shared);
        select! {
            _ = leaving.wait_for(|leaving| *leaving) => return,
            followed = following => match followed {
                Ok(()) => shared.outcome("subscribed"),
                Err(why) => shared.fault(&why),
            },
        }
    }
}

async fn follow(
    organisation: u64,
    authorization: &HeaderValue,
    messages: usize,
    says_goodbye: bool,
    shared: &Shared,
) -> Result<(), String> {
    let opening = Socket::open_live(&shared.target, organisation, authorization);
    let opened = timeout(LEAVE_WAIT, opening).await.map_err(|_| "no board in time".to_owned())?;
    let mut socket = opened.map_err(|error| format!("a board: {error:?}"))?;
    socket.send(r#"{"type":"subscribe","id":1}"#.to_owned()).await?;
    for _ in 0..messages {
        match timeout(LEAVE_WAIT, socket.next_value()).await {
            Ok(Ok(_)) => {}
            Ok(Err(code)) => return Err(format!("a board was closed with {code:?}")),
            // Nobody comes or goes in its organisation.
            Err(_) => break,
        }
    }
    if says_goodbye {
        socket.close().await;
    }
    Ok(())
}
