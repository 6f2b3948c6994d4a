//! What must not be told: texts and bytes that let somebody in.
//!
//! They are not printed, and compared in time that does not depend on where they differ. `tests/architecture`
//! holds fields that are called like a secret to these types.

use std::fmt;
use std::ops::Deref;
use subtle::ConstantTimeEq as _;

/// Whether two secrets are one and the same. How long that takes tells their lengths at most.
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// A token as it came in. It is never printed.
#[derive(Clone)]
pub struct SecretText(String);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Deref for SecretText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        is_same(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for SecretText {}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_only_when_every_byte_is() {
        for (one, other, expected) in
            [("abc", "abc", true), ("abc", "abd", false), ("abc", "ab", false), ("", "", true)]
        {
            assert_eq!(is_same(one.as_bytes(), other.as_bytes()), expected);
            let (one, other) =
                (SecretText::from(one.to_owned()), SecretText::from(other.to_owned()));
            assert_eq!(one == other, expected);
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let text = SecretText::from("a.b.c".to_owned());
        assert_eq!((format!("{text:?}"), &*text), ("SecretText(…)".to_owned(), "a.b.c"));
    }
}
