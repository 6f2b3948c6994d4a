//! Calls that the house does without.

use super::Offences;
use super::source::{Source, Token};

/// Tokens that must not stand side by side, where they may all the same, and why they may not elsewhere.
struct Ban {
    tokens: &'static [&'static str],
    /// Files, or folders that end with `/`, below `src`.
    except: &'static [&'static str],
    why: &'static str,
}

const TIME: &str = "time is read in clock.rs only";
const UNWRAP: &str = "`expect` with the invariant, or an error";
const PRINT: &str = "the log is where a server speaks";
const CLOCK: &[&str] = &["clock.rs"];
const COMMANDS: &[&str] = &["main.rs", "cli.rs", "cli/", "demo.rs", "demo/"];

const BLOCKING: &str =
    "`thread_priority::blocking`: a worker's thread would keep it on its processor";
/// What is done before there are workers, or when they have ended.
const NO_WORKERS: &[&str] =
    &["thread_priority.rs", "app.rs", "store/sqlite/open.rs", "transport/certificate.rs"];

const BANS: &[Ban] = &[
    Ban { tokens: &["Utc", ":", ":", "now"], except: CLOCK, why: TIME },
    Ban { tokens: &["Local", ":", ":", "now"], except: CLOCK, why: TIME },
    Ban { tokens: &["Instant", ":", ":", "now"], except: CLOCK, why: TIME },
    Ban { tokens: &["SystemTime", ":", ":", "now"], except: CLOCK, why: TIME },
    Ban { tokens: &["unwrap"], except: &[], why: UNWRAP },
    Ban { tokens: &["unwrap_unchecked"], except: &[], why: UNWRAP },
    Ban { tokens: &["println", "!"], except: COMMANDS, why: PRINT },
    Ban { tokens: &["print", "!"], except: COMMANDS, why: PRINT },
    Ban { tokens: &["eprintln", "!"], except: COMMANDS, why: PRINT },
    Ban { tokens: &["eprint", "!"], except: COMMANDS, why: PRINT },
    Ban { tokens: &["dbg", "!"], except: &[], why: PRINT },
    Ban { tokens: &["spawn_blocking"], except: NO_WORKERS, why: BLOCKING },
    Ban { tokens: &["web", ":", ":", "block"], except: &[], why: BLOCKING },
];

/// Every banned call of a file.
pub(crate) fn check(source: &Source) -> Offences {
    BANS.iter().flat_map(|ban| calls(source, ban)).collect()
}

fn calls(source: &Source, ban: &Ban) -> Offences {
    let path = source.path.as_str();
    let is_home = |home: &str| path == home || (home.ends_with('/') && path.starts_with(home));
    if ban.except.iter().any(|home| is_home(home)) {
        return vec![];
    }
    let is_call = |window: &&[Token]| {
        window.iter().zip(ban.tokens).all(|(token, banned)| token.text == *banned)
    };
    source
        .tokens
        .windows(ban.tokens.len())
        .filter(is_call)
        .map(|call| {
            format!("{}: `{}`: {}", source.place(call[0].line), ban.tokens.concat(), ban.why)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(path: &str, text: &str) -> usize {
        check(&Source::parse(path, text)).len()
    }

    #[test]
    fn a_banned_call_is_seen_however_it_is_written() {
        for text in [
            "fn f() { let now = Utc::now(); }",
            "fn f() { let now = std::time::Instant :: now(); }",
            "fn f() { once.get_or_init(SystemTime::now); }",
            "fn f() { select! { _ = tick => Instant::now(), } }",
            "fn f() { a.b()\n.unwrap(); }",
            "fn f() { a.map(Option::unwrap); }",
            "fn f() { println!(\"x\"); }",
            "fn f() { info!(at = %Utc::now()); }",
            "async fn f() { web::block(g).await; }",
            "async fn f() { tokio::task::spawn_blocking(g).await; }",
        ] {
            assert_eq!(offences("actor/journal.rs", text), 1, "{text}");
        }
    }

    #[test]
    fn calls_in_their_place_and_in_tests_are_let_through() {
        for (path, text) in [
            ("clock.rs", "fn now() { Utc::now(); Instant::now(); SystemTime::now(); }"),
            ("main.rs", "fn main() { eprintln!(\"x\"); }"),
            ("demo/agents.rs", "fn f() { println!(\"x\"); }"),
            ("actor/journal.rs", "#[cfg(test)] mod tests { fn f() { a.unwrap(); Utc::now(); } }"),
            (
                "actor/journal.rs",
                "// Utc::now()\nfn f() { a.unwrap_or(\"println!\"); clock.now(); }",
            ),
        ] {
            assert_eq!(offences(path, text), 0, "{path}: {text}");
        }
    }
}
