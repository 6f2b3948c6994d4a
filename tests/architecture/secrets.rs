//! Secrets are neither printed nor compared by chance: what is called like one is of a type that does neither.

use super::Offences;
use super::source::{Source, Token};

/// Types that hold a secret; what they say of themselves and how they compare is written by hand.
const TYPES: &[&str] = &["SecretText", "ResumeDigest", "TotpSecret", "PasswordHash"];

/// What must not be derived for these, nor for anything that has a field called like a secret as a mere text.
const BY_HAND: &[&str] = &["Debug", "PartialEq", "PartialOrd", "Hash"];

/// What fields are called that hold one.
const FIELDS: &[&str] =
    &["token", "resume_token", "password", "old_password", "new_password", "secret", "totp_secret"];

/// Types of text in which a secret would be printed and compared like anything else.
const TEXTS: &[&str] = &["String", "str", "Vec"];

/// A type with what is derived for it.
struct Derived<'s> {
    derives: Vec<&'s str>,
    name: &'s Token,
    body: &'s [Token],
}

/// Every secret of a file that could be told.
pub(crate) fn check(source: &Source) -> Offences {
    let mut offences = Offences::new();
    for Derived { derives, name, body } in derived(source) {
        let told: Vec<_> = derives.iter().filter(|derive| BY_HAND.contains(derive)).collect();
        let Some(first) = told.first() else { continue };
        let place = source.place(name.line);
        if TYPES.contains(&name.text.as_str()) {
            offences.push(format!("{place}: `{}` holds a secret and derives {first}", name.text));
        }
        for field in bare_secrets(body) {
            let owner = &name.text;
            offences
                .push(format!("{place}: `{owner}.{field}` is a mere text, and {first} is derived"));
        }
    }
    offences
}

fn derived(source: &Source) -> Vec<Derived<'_>> {
    let tokens = source.tokens.as_slice();
    let starts = (0..tokens.len()).filter(|at| tokens[*at].text == "derive");
    starts.filter_map(|at| one(&tokens[at + 1..])).collect()
}

fn one(tokens: &[Token]) -> Option<Derived<'_>> {
    let end = closing(tokens, "(", ")")?;
    let derives = tokens[1..end].iter().map(|token| token.text.as_str()).collect();
    let rest = &tokens[end..];
    let kind = rest.iter().position(|token| ["struct", "enum"].contains(&token.text.as_str()))?;
    let name = rest.get(kind + 1)?;
    let after = &rest[kind + 2..];
    let open = after.iter().position(|token| ["{", "(", ";"].contains(&token.text.as_str()))?;
    let after = &after[open..];
    let body = closing(after, "{", "}").map_or(&[][..], |end| &after[..end]);
    Some(Derived { derives, name, body })
}

/// Where the group ends that these tokens begin with.
fn closing(tokens: &[Token], open: &str, close: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            text if text == open => depth += 1,
            text if text == close => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Fields called like a secret whose type is a text.
fn bare_secrets(body: &[Token]) -> Vec<&str> {
    let is_bare = |window: &(usize, &[Token])| {
        let (at, pair) = window;
        let is_field = FIELDS.contains(&pair[0].text.as_str()) && pair[1].text == ":";
        let kind =
            body[at + 2..].iter().take_while(|token| ![",", "}"].contains(&token.text.as_str()));
        is_field && kind.into_iter().any(|token| TEXTS.contains(&token.text.as_str()))
    };
    body.windows(2).enumerate().filter(is_bare).map(|(_, pair)| pair[0].text.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(text: &str) -> usize {
        check(&Source::parse("ws/device.rs", text)).len()
    }

    #[test]
    fn a_secret_that_could_be_told_is_seen() {
        for text in [
            "#[derive(Clone, Debug)] pub struct TotpSecret([u8; 20]);",
            "#[derive(PartialEq)] pub struct ResumeDigest(pub [u8; 32]);",
            "#[derive(Debug)] struct A { token: String }",
            "#[derive(Clone, PartialEq)] struct A<'a> { n: u8, pub resume_token: &'a str }",
            "#[derive(Debug)] enum A { B { token: Option<String>, n: u8 }, C }",
            "#[derive(Debug)] #[serde(x)] pub(crate) struct A { password: Vec<u8> }",
        ] {
            assert_eq!(offences(text), 1, "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_or_cannot_be_told_is_let_through() {
        for text in [
            "#[derive(Clone, Copy)] pub struct TotpSecret([u8; 20]);",
            "#[derive(Debug)] struct A { token: SecretText, password: PasswordHash }",
            "#[derive(Clone)] struct A { token: String }",
            "struct A { token: String } #[derive(Debug)] struct B { name: String }",
            "#[derive(Debug)] struct A; fn f() { let token: String; }",
            "#[derive(Debug)] struct A(u8); struct B { token: String }",
        ] {
            assert_eq!(offences(text), 0, "{text}");
        }
    }
}
