//! Handles of series that a thread has met, so that a label is looked up once and not at each event.

use std::cell::RefCell;

/// Handles of one series, or of those that go together, by what tells them from each other. Bounded by the
/// closed sets that labels come from, and small: they are looked through one after the other.
pub(super) struct Met<K, H>(RefCell<Vec<(K, H)>>);

impl<K, H> Met<K, H> {
    /// None was met.
    pub(super) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// Has `act` use the handle whose key `is` the wanted one; where there is none yet, `make` makes it.
    pub(super) fn with(
        &self,
        is: impl Fn(&K) -> bool,
        make: impl FnOnce() -> (K, H),
        act: impl FnOnce(&H),
    ) {
        if let Some((_, handle)) = self.0.borrow().iter().find(|(key, _)| is(key)) {
            return act(handle);
        }
        // Made while nothing is borrowed: whoever makes it may count something, too.
        let (key, handle) = make();
        act(&handle);
        self.0.borrow_mut().push((key, handle));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_made_once_for_each_key() {
        let (met, made) = (Met::new(), RefCell::new(Vec::new()));
        let mut used = Vec::new();
        for key in ["a", "b", "a"] {
            let make = || {
                made.borrow_mut().push(key);
                (key, key.to_uppercase())
            };
            met.with(|known| *known == key, make, |handle| used.push(handle.clone()));
        }
        assert_eq!((used.join(""), made.into_inner()), ("ABA".to_owned(), vec!["a", "b"]));
    }
}
