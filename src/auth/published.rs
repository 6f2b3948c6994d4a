//! The keys of a key set, followed as they change: an issuer rotates its keys without a restart here.
//!
//! The set is read at start, every five minutes, and when a token names a key that is not in it. Judging
//! never waits: such a token is refused, and the next one finds the key.

use super::key::Key;
use super::keys::KeyError;
use super::source::Source;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep, timeout};

/// A key that left the set is believed for this long at most, if its source can be read.
const REFRESH_EVERY: Duration = Duration::from_secs(5 * 60);
/// After a refresh that a token asked for, no other token is listened to for so long: made-up key names
/// must not become a flood of fetches.
const REST: Duration = Duration::from_secs(30);

/// How long a token may wait for the set to be read: a rest that has just begun, and a fetch that takes as
/// long as one may.
const WAIT_MAX: Duration = Duration::from_secs(40);

type Keys = Arc<Vec<Key>>;

/// The keys that are published at present. The task that follows them ends when this is dropped.
#[derive(Debug)]
pub(super) struct Published {
    keys: watch::Receiver<Keys>,
    asking: mpsc::Sender<()>,
}

impl Published {
    /// Reads the set, and follows it from now on. Needs a tokio runtime.
    ///
    /// # Errors
    /// If the set cannot be had, or holds no usable key.
    pub(super) async fn follow(source: Source) -> Result<Self, KeyError> {
        let (sender, keys) = watch::channel(Arc::new(source.load().await?));
        let (asking, asked) = mpsc::channel(1);
        let mut regular = interval(REFRESH_EVERY);
        regular.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // An interval begins with a tick, and the keys are fresh.
        regular.reset();
        tokio::spawn(keep_up(source, sender, asked, regular));
        Ok(Self { keys, asking })
    }

    /// The keys as they were last read.
    pub(super) fn keys(&self) -> Keys {
        self.keys.borrow().clone()
    }

    /// Ends when the set is read after this call, or when [`WAIT_MAX`] is over.
    pub(super) fn next_reading(&self) -> impl Future<Output = ()> + use<> {
        let mut keys = self.keys.clone();
        keys.mark_unchanged();
        async move {
            // Whether it was read or not is seen by what is known then.
            let _ = timeout(WAIT_MAX, keys.changed()).await;
        }
    }

    /// Has the set read again soon; does not wait.
    pub(super) fn ask(&self) {
        // Full: somebody has asked already, and one answer is for all.
        let _ = self.asking.try_send(());
    }
}

/// Timers are set before the set is read, so that the spacing of reads is kept however long one takes.
async fn keep_up(
    source: Source,
    keys: watch::Sender<Keys>,
    mut asked: mpsc::Receiver<()>,
    mut regular: Interval,
) {
    let mut rest: Option<Pin<Box<Sleep>>> = None;
    loop {
        let asked_for = async {
            if let Some(rest) = &mut rest {
                rest.await;
            }
            asked.recv().await
        };
        tokio::select! {
            biased;
            () = keys.closed() => return,
            _ = regular.tick() => {}
            Some(()) = asked_for => {
                rest = Some(Box::pin(sleep(REST)));
                regular.reset();
            }
        }
        refresh(&source, &keys).await;
    }
}

/// Whatever cannot be had leaves the keys as they are.
async fn refresh(source: &Source, keys: &watch::Sender<Keys>) {
    match source.load().await {
        Ok(fresh) => {
            let before = keys.send_replace(Arc::new(fresh));
            let is_rotated = names(&before) != names(&keys.borrow());
            if is_rotated {
                tracing::info!(keys = keys.borrow().len(), "the key set has changed");
            }
        }
        Err(error) => {
            tracing::warn!(%error, "the key set stays as it is: it could not be read again");
        }
    }
}

fn names(keys: &[Key]) -> Vec<Option<&str>> {
    keys.iter().map(|key| key.id.as_deref()).collect()
}
