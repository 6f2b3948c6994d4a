//! Who is calling: tokens, and the keys that vouch for them (SPEC §9).
//!
//! | file | what it holds |
//! |---|---|
//! | [`claims`] | what a token says, and how strictly it is read |
//! | `key` | one key, and the one algorithm that it is used with |
//! | [`keys`] | where keys come from, and the secret that tokens are issued with |
//! | `key_set` | reading a JSON Web Key Set |
//! | `source` | where a key set is: a file, or a URL that is fetched |
//! | `published` | the keys of a key set, followed as they change |
//! | [`authenticator`] | judging and issuing tokens |
//!
//! Nothing here reads a clock: the instant is an argument. No token and no key is ever logged.

pub mod authenticator;
pub mod claims;
mod key;
mod key_set;
pub mod keys;
#[cfg(test)]
mod loopback;
mod published;
#[cfg(test)]
mod rotation_tests;
mod source;

pub use authenticator::{Authenticator, IssueError, TokenRejected, bearer};
pub use claims::{Claims, Role};
pub use keys::{KeyError, KeySources};
