//! Lines of the log: every field has a spelling of the house, and none carries a secret.

use super::Offences;
use super::source::{Source, Token};
use licence_broker::telemetry::field;

const MACROS: &[&str] = &[
    "error",
    "warn",
    "info",
    "debug",
    "trace",
    "event",
    "span",
    "error_span",
    "warn_span",
    "info_span",
    "debug_span",
    "trace_span",
];

/// Names under which secrets go about in the sources.
const SECRETS: &[&str] =
    &["token", "tokens", "resume_token", "password", "secret", "authorization", "totp"];

/// Every field that is in no table, and every secret that is named.
pub(crate) fn check(source: &Source) -> Offences {
    let starts = source.tokens.windows(6).enumerate().filter(|(_, window)| {
        let text: Vec<&str> = window.iter().map(|token| token.text.as_str()).collect();
        matches!(text[..], ["tracing", ":", ":", name, "!", "("] if MACROS.contains(&name))
    });
    starts.flat_map(|(at, _)| check_call(source, arguments(&source.tokens[at + 6..]))).collect()
}

/// The arguments of a macro, up to the bracket that closes it.
fn arguments(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut depth, mut begin, mut all) = (0_usize, 0, Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            ")" if depth == 0 => {
                all.push(&tokens[begin..at]);
                break;
            }
            "," if depth == 0 => {
                all.push(&tokens[begin..at]);
                begin = at + 1;
            }
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
    }
    all.retain(|argument| !argument.is_empty());
    all
}

fn check_call(source: &Source, arguments: Vec<&[Token]>) -> Offences {
    let mut offences = Vec::new();
    for argument in arguments {
        let place = source.place(argument[0].line);
        for token in argument {
            let inlined = token.text.split('{').skip(1).map(|part| part.trim_end_matches('"'));
            let inlined = inlined.filter_map(|part| part.split(['}', ':']).next());
            let named = inlined.chain([token.text.as_str()]);
            offences.extend(
                named
                    .filter(|name| SECRETS.contains(name))
                    .map(|name| format!("{place}: `{name}` is no matter of the log")),
            );
        }
        if let Some(name) = field_of(argument)
            && !field::ALL.contains(&name.as_str())
        {
            offences.push(format!("{place}: `{name}` is no field of telemetry::field"));
        }
    }
    offences
}

/// The field that an argument sets: `%name`, `?name`, `name`, `name = …` or `{ field::NAME } = …`; `None`
/// for the message and for what stands before the fields.
fn field_of(argument: &[Token]) -> Option<String> {
    let texts: Vec<&str> = argument.iter().map(|token| token.text.as_str()).collect();
    match texts[..] {
        ["parent" | "target", ":", ..] => None,
        ["{", "field", ":", ":", constant, "}", "=", ..] => Some(constant.to_lowercase()),
        ["%" | "?", name] | [name, "=", ..] | [name] if !name.starts_with('"') => {
            Some(name.to_owned())
        }
        [message, ..] if message.starts_with('"') => None,
        _ => Some(texts.concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(text: &str) -> usize {
        check(&Source::parse("ws/session.rs", text)).len()
    }

    #[test]
    fn a_spelling_of_ones_own_and_a_secret_are_seen() {
        for text in [
            "fn f() { tracing::info!(org = 129, \"x\"); }",
            "fn f() { tracing::warn!(%sid, \"x\"); }",
            "fn f() { tracing::error!(?err, user, \"x\"); }",
            "fn f() { tracing::debug!(organisation.id = 3, \"x\"); }",
            "fn f() { tracing::info_span!(\"x\", login = 3); }",
            "fn f() { tracing::info!(user = %token, \"x\"); }",
            "fn f() { tracing::info!(\"refused {token}\"); }",
            "fn f() { tracing::info!(\"refused {}\", claims.password); }",
        ] {
            assert!(offences(text) >= 1, "{text}");
        }
    }

    #[test]
    fn the_spellings_of_the_house_are_let_through() {
        for text in [
            "fn f() { tracing::info!(organisation = id.get(), %session, ?pause, \"x\"); }",
            "fn f() { tracing::info!({ field::USER } = %user, status, \"x, {y}\"); }",
            "fn f() { tracing::debug!(\"a message (with brackets), and a comma\"); }",
            "fn f() { tracing::error_span!(\"http\", { field::REQUEST } = &*id); }",
        ] {
            let found = check(&Source::parse("ws/session.rs", text));
            assert_eq!(found, [""; 0], "{text}");
        }
    }
}
