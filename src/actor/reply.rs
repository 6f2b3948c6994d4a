//! An answer that is always given.

/// What was asked could not be decided or not be kept: the store refuses, or the organisation's actor
/// went down meanwhile. Nothing of it may be relied on; it may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

/// Takes the answer to one command to whoever asked.
///
/// Whoever asks never waits for ever: a reply that is dropped, because the actor that had it panicked or
/// gave up, answers [`Unavailable`].
pub struct Reply<A>(Option<Deliver<A>>);

type Deliver<A> = Box<dyn FnOnce(Result<A, Unavailable>) + Send>;

impl<A> Reply<A> {
    /// `deliver` is called exactly once. It must not wait.
    pub fn new(deliver: impl FnOnce(Result<A, Unavailable>) + Send + 'static) -> Self {
        Self(Some(Box::new(deliver)))
    }

    /// For a command whose answer nobody needs.
    pub fn nobody() -> Self {
        Self(None)
    }

    /// Gives the answer.
    pub fn answer(mut self, answer: A) {
        if let Some(deliver) = self.0.take() {
            deliver(Ok(answer));
        }
    }
}

impl<A> Drop for Reply<A> {
    fn drop(&mut self) {
        if let Some(deliver) = self.0.take() {
            deliver(Err(Unavailable));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_dropped_reply_says_unavailable_and_a_given_one_says_it_once() {
        let (sender, receiver) = mpsc::channel();
        let other = sender.clone();
        drop(Reply::<u8>::new(move |answer| other.send(answer).expect("a listener")));
        Reply::new(move |answer| sender.send(answer).expect("a listener")).answer(7);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [Err(Unavailable), Ok(7)]);
    }
}
