//! Who is calling: tokens, and the keys that vouch for them (SPEC §9).
//!
//! | file | what it holds |
//! |---|---|
//! | [`claims`] | what a token says, and how strictly it is read |
//! | [`keys`] | the keys that are trusted, and from which files they come |
//! | [`authenticator`] | judging and issuing tokens |
//!
//! Nothing here reads a clock: the instant is an argument. No token and no key is ever logged.

pub mod authenticator;
pub mod claims;
pub mod keys;

pub use authenticator::{Authenticator, IssueError, TokenRejected, bearer};
pub use claims::{Claims, Role};
pub use keys::{KeyError, KeySources};
