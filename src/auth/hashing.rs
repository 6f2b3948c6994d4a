//! Passwords are hashed on threads of their own, few at a time: a flood of sign-ins must not take the
//! processors from logins.

use super::password::{self, HashError, PasswordHash};
use crate::limits::PASSWORDS_WAITING_MAX;
use crate::limits::bound::Bound;
use crate::telemetry;
use crate::thread_priority;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task;

/// Why a password was not looked at.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// As many wait as may; nothing was done.
    #[error("too many passwords are being checked")]
    Overloaded,
    /// It could not be done.
    #[error(transparent)]
    Failed(#[from] HashError),
    /// The thread that did it ended early.
    #[error("a password could not be checked: {0}")]
    Lost(#[from] task::JoinError),
}

/// Hashes passwords. Shared by all workers.
#[derive(Clone, Debug)]
pub struct Hashing {
    /// A permit for each that is being hashed.
    running: Arc<Semaphore>,
    /// A permit for each that is being hashed or waits for it.
    admitted: Arc<Semaphore>,
    /// How many there are of those.
    most: usize,
}

impl Default for Hashing {
    /// Half of the processors, at least one.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::new((processors / 2).max(1), PASSWORDS_WAITING_MAX)
    }
}

impl Hashing {
    /// So many at once, and so many that wait.
    fn new(running: usize, waiting: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(running)),
            admitted: Arc::new(Semaphore::new(running + waiting)),
            most: running + waiting,
        }
    }

    /// Whether a password is right; `None` stands for an account that there is not.
    ///
    /// # Errors
    /// See [`HashingError`].
    pub async fn is_right(
        &self,
        hash: Option<PasswordHash>,
        password: String,
    ) -> Result<bool, HashingError> {
        self.run(move || password::is_right(hash.as_ref(), &password)).await
    }

    /// How many wait or are being checked.
    pub fn waiting(&self) -> usize {
        self.most.saturating_sub(self.admitted.available_permits())
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// See [`HashingError`].
    pub async fn hash(&self, password: String) -> Result<PasswordHash, HashingError> {
        Ok(self.run(move || PasswordHash::of(&password)).await??)
    }

    /// Runs to its end even if whoever asked goes away, and holds its permits until then.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashingError> {
        let Ok(admitted) = self.admitted.clone().try_acquire_owned() else {
            telemetry::count_bound(Bound::PasswordsWaiting);
            return Err(HashingError::Overloaded);
        };
        let running = self.running.clone().acquire_owned().await;
        let work = move || {
            let _permits = (admitted, running.expect("nobody closes it"));
            work()
        };
        Ok(thread_priority::blocking(work).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn what_is_above_the_bound_is_refused_at_once_and_the_rest_waits_its_turn() {
        let hashing = Hashing::new(1, 1);
        let (go, gone) = mpsc::channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let hashing = hashing.clone();
            async move {
                let work = move || {
                    begun.send(()).expect("the test waits");
                    gone.recv().expect("the test lets it go");
                };
                hashing.run(work).await
            }
        });
        has_begun.await.expect("the first is being hashed");
        let mut second = Box::pin(hashing.run(|| 2));
        tokio::select! {
            biased;
            _ = &mut second => panic!("the second has its turn after the first"),
            () = std::future::ready(()) => {}
        }
        let third = hashing.run(|| 3).await;
        assert!(matches!(third, Err(HashingError::Overloaded)));
        go.send(()).expect("the first waits");
        first.await.expect("no panic").expect("done");
        assert_eq!(second.await.expect("done"), 2);
        assert_eq!(hashing.run(|| 4).await.expect("there is room again"), 4);
    }

    #[tokio::test]
    async fn a_password_is_told_from_another() {
        let hashing = Hashing::default();
        let hash = hashing.hash("correct horse battery".to_owned()).await.expect("a hash");
        let is_right = async |password: &str| {
            hashing.is_right(Some(hash.clone()), password.to_owned()).await.expect("room")
        };
        assert!(is_right("correct horse battery").await);
        assert!(!is_right("wrong").await);
    }
}
