//! What is measured, for whoever measures it: `benches/hot` by time, `benches/instructions` by instructions.

pub(crate) mod estate;
pub(crate) mod organisation;
pub(crate) mod text;
pub(crate) mod tokens;

/// One thing that a login, or what comes beside it, is made of.
pub(crate) struct Case {
    /// As tables name it.
    pub(crate) name: &'static str,
    /// Makes what is needed, and returns what is measured: one call, one operation.
    pub(crate) prepare: fn() -> Box<dyn FnMut()>,
}

/// Every case, in the order of the tables.
pub(crate) fn all() -> Vec<Case> {
    let parts = [organisation::CASES, text::CASES, tokens::CASES];
    let cases = parts.into_iter().flatten();
    cases.map(|(name, prepare)| Case { name, prepare: *prepare }).collect()
}

/// A name and how it is prepared.
pub(crate) type Entry = (&'static str, fn() -> Box<dyn FnMut()>);
