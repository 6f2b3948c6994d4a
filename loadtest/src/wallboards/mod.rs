//! Wallboards beside logins: how old the counts are that they show, and what a frame costs the broker.
//!
//! A `board` follows the counts over a socket and notes what each frame (`frame`) showed and when;
//! `ages` holds that against the moments at which the logins were answered. `floor` is what
//! the same frames cost without a broker. A `turn` is what came of one round of logins, and `report` what came of all.

pub(crate) mod ages;
pub(crate) mod board;
pub(crate) mod floor;
pub(crate) mod frame;
pub(crate) mod report;
pub(crate) mod turn;
