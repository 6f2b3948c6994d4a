//! A working day in minutes: who comes and goes when, and the options of `loadtest day`.

pub(crate) mod options;
pub(crate) mod schedule;
