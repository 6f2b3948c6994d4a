//! A thread for work that may take long and must not hold anybody up.

use super::StoreError;
use crate::thread_priority;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use tokio::sync::oneshot;

/// What it is asked to do.
type Job = Box<dyn FnOnce() + Send>;

/// One job after the other, each to its end. The thread begins with the first job and ends with this.
#[derive(Debug, Default)]
pub(super) struct Background {
    jobs: OnceLock<Sender<Job>>,
}

impl Background {
    /// Does the work when it is its turn; that goes on even if whoever waits for it goes away.
    ///
    /// # Errors
    /// What the work answers; that the thread cannot be had, or that the work panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Nobody may want it any more.
            let _ = answer.send(work());
        });
        self.jobs.get_or_init(begin).send(job).map_err(|_| lost())?;
        answered.await.unwrap_or_else(|_| Err(lost()))
    }
}

/// Starts the thread. Where there is none to be had, the jobs find nobody.
fn begin() -> Sender<Job> {
    let (sender, jobs) = channel::<Job>();
    let work = move || {
        // Logins go first.
        thread_priority::last();
        for job in jobs {
            // Its answer is dropped with it, and says so.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    };
    if let Err(error) = thread::Builder::new().name("background".to_owned()).spawn(work) {
        tracing::error!(%error, "a thread for exports cannot be started");
    }
    sender
}

fn lost() -> StoreError {
    StoreError::Aborted("the background thread gave no answer".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_on_one_thread_that_runs_when_no_other_does() {
        let background = Background::default();
        let look = || Ok((thread_priority::policy(), thread::current().id()));
        let (policy, first) = background.run(look).await.expect("an answer");
        assert_eq!(policy, libc::SCHED_IDLE);
        assert_eq!(background.run(look).await.expect("another").1, first);
        assert_ne!(thread::current().id(), first);
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_the_next_is_done() {
        let background = Background::default();
        let broken = background.run(|| -> Result<(), _> { panic!("as work may") }).await;
        assert!(matches!(broken, Err(StoreError::Aborted(_))), "{broken:?}");
        assert_eq!(background.run(|| Ok(7)).await.expect("an answer"), 7);
    }
}
