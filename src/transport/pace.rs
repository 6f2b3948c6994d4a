//! What a connection is at, as the handlers above it know and the bytes below it do not.

use std::cell::Cell;
use std::rc::Rc;

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The head of a request is next: the first of the connection is 0.
    Head(u64),
    /// A request is being served. How long its body may take is its handler's business.
    Request,
}

/// Shared by a connection and the requests on it, all of one thread; lives as long as the last of them.
#[derive(Clone, Debug)]
pub struct Pace(Rc<State>);

#[derive(Debug)]
struct State {
    stage: Cell<Stage>,
    /// Requests that were served to their end.
    served: Cell<u64>,
}

impl Default for Pace {
    fn default() -> Self {
        Self(Rc::new(State { stage: Cell::new(Stage::Head(0)), served: Cell::new(0) }))
    }
}

impl Pace {
    /// What the connection is at.
    pub fn stage(&self) -> Stage {
        self.0.stage.get()
    }

    /// A request has come whole as far as its head goes; it is served until the answer is dropped.
    pub fn begin(&self) -> Serving {
        self.0.stage.set(Stage::Request);
        Serving(self.clone())
    }
}

/// A request that is being served; when it is dropped, the next head is waited for.
#[derive(Debug)]
pub struct Serving(Pace);

impl Drop for Serving {
    fn drop(&mut self) {
        let State { stage, served } = &*self.0.0;
        served.set(served.get() + 1);
        stage.set(Stage::Head(served.get()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_head_is_another_one() {
        let pace = Pace::default();
        assert_eq!(pace.stage(), Stage::Head(0));
        let serving = pace.begin();
        assert_eq!(pace.stage(), Stage::Request);
        drop(serving);
        assert_eq!(pace.stage(), Stage::Head(1));
    }
}
