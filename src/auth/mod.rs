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
//! | [`account`] | who signs in to the broker itself, and when a sign-in is accepted |
//! | [`editions`] | which tokens of those who signed in are over, because their account changed |
//! | [`password`] | passwords, and as what they are kept |
//! | [`hashing`] | passwords hashed beside everything else, few at a time |
//! | [`second_factor`] | the code of an authenticator app |
//!
//! Nothing here reads a clock: the instant is an argument. No token, key, password or code is ever logged.

pub mod account;
pub mod authenticator;
pub mod claims;
pub mod editions;
#[doc(hidden)]
pub mod fuzzing;
pub mod hashing;
mod key;
mod key_set;
pub mod keys;
#[cfg(test)]
mod loopback;
pub mod password;
mod published;
#[cfg(test)]
mod rotation_tests;
pub mod second_factor;
mod source;

pub use account::Account;
pub use authenticator::{Authenticator, IssueError, NoBearer, TokenRejected, only_bearer};
pub use claims::{Claims, Role};
pub use hashing::Hashing;
pub use keys::{KeyError, KeySources, KeysError};
