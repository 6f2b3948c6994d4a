//! Which layer may name which: `domain` ← `protocol`, `store` ← `cluster` ← `actor` ← `ws`, `http` ← `app`.

use super::Offences;
use super::source::{Source, Token};
use std::collections::{BTreeSet, HashSet};

/// Usable from every layer above the rules.
const FOUNDATION: &[&str] = &[
    "auth",
    "catalogue_file",
    "clock",
    "config",
    "json",
    "limits",
    "telemetry",
    "thread_priority",
];

/// The composition root and the commands: they may name everything.
const ROOT: &[&str] = &["app", "cli", "demo", "lib", "main"];

/// Beside the foundation, what each layer may name. A layer that stands in none of these tables has no
/// place in the house yet: give it one here, with its reason in the architecture's description.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("protocol", &["domain"]),
    ("store", &["domain"]),
    ("cluster", &["domain", "store"]),
    ("actor", &["domain", "store", "cluster"]),
    ("broker", &["domain", "store", "cluster", "actor"]),
    ("problem", &["domain", "store", "actor"]),
    ("transport", &[]),
    ("ws", &["domain", "protocol", "cluster", "actor", "broker", "problem", "transport"]),
    (
        "http",
        &["domain", "protocol", "store", "cluster", "actor", "broker", "problem", "transport"],
    ),
];

/// What the rules may name of the world outside.
const CRATES_OF_THE_DOMAIN: &[&str] =
    &["alloc", "chrono", "chrono_tz", "core", "foldhash", "rpds", "rust_decimal", "std", "subtle"];

/// A crate that only one layer (or the foundation, or the root) may name.
const CRATES_AT_HOME: &[(&str, &str)] = &[
    ("sqlx", "store"),
    ("rusqlite", "store"),
    ("tokio_postgres", "store"),
    ("deadpool_postgres", "store"),
    ("refinery", "store"),
    ("actix_web_actors", "ws"),
];

/// The names, as Rust writes them, of the crates that `Cargo.toml` depends on.
pub(crate) fn dependencies(manifest: &str) -> BTreeSet<String> {
    let manifest: toml::Table = manifest.parse().expect("Cargo.toml is TOML");
    let dependencies = manifest["dependencies"].as_table().expect("it has dependencies");
    dependencies.keys().map(|name| name.replace('-', "_")).collect()
}

/// Every import, and every path within an expression, that goes against the arrows.
pub(crate) fn check(source: &Source, crates: &BTreeSet<String>) -> Offences {
    if ROOT.contains(&source.layer()) {
        return vec![];
    }
    let Some(allowed) = allowed(source.layer()) else {
        return vec![format!("src/{}: its layer has no place among the arrows", source.path)];
    };
    let mut offences: Vec<_> = layers_named(source)
        .into_iter()
        .filter(|(layer, _)| !allowed.contains(layer.as_str()))
        .map(|(layer, line)| {
            format!("{}: `{}` must not name `{layer}`", source.place(line), source.layer())
        })
        .collect();
    offences.extend(foreign_crates(source, crates));
    offences
}

/// That `name` stands in at most one file, below `folder`.
pub(crate) fn check_one_home(sources: &[Source], name: &str, folder: &str) -> Offences {
    let named = |source: &&Source| source.tokens.iter().any(|token| token.text == name);
    let homes: Vec<_> = sources.iter().filter(named).map(|source| &source.path).collect();
    let strangers =
        homes.iter().skip(1).chain(homes.iter().filter(|path| !path.starts_with(folder)));
    strangers.map(|path| format!("src/{path}: `{name}` belongs in one file of {folder}")).collect()
}

fn allowed(layer: &str) -> Option<HashSet<&str>> {
    let mut allowed: HashSet<&str> = if FOUNDATION.contains(&layer) {
        HashSet::from(["domain"])
    } else {
        ARROWS.iter().find(|(name, _)| *name == layer)?.1.iter().copied().collect()
    };
    if layer != "domain" {
        allowed.extend(FOUNDATION);
    }
    allowed.insert(layer);
    Some(allowed)
}

/// The layers that the paths of a file lead to, with their lines: `crate::x`, `licence_broker::x`,
/// `super::x` where that leaves the module, and each branch of `crate::{x, y}`.
fn layers_named(source: &Source) -> Vec<(String, usize)> {
    let tokens = &source.tokens;
    let mut named = vec![];
    for (at, token) in tokens.iter().enumerate() {
        let after = match token.text.as_str() {
            "crate" | "licence_broker" if !continues_a_path(tokens, at) => at + 1,
            "super" if !continues_a_path(tokens, at) => {
                let supers = count_supers(tokens, at);
                if supers < source.module().len() + token.inline_modules {
                    continue;
                }
                at + 1 + 3 * (supers - 1)
            }
            _ => continue,
        };
        if is_path_separator(tokens, after) {
            heads(tokens, after + 2, &mut named);
        }
    }
    named
}

/// The first segments of the path, or of the branches of the braces, that begin at `at`.
fn heads(tokens: &[Token], at: usize, named: &mut Vec<(String, usize)>) {
    let Some(first) = tokens.get(at) else { return };
    if first.text != "{" {
        named.push((first.text.clone(), first.line));
        return;
    }
    let mut depth = 0;
    for (offset, token) in tokens[at..].iter().enumerate() {
        match token.text.as_str() {
            "{" | "," if depth + usize::from(token.text == "{") == 1 => {
                depth = 1;
                let branch = tokens.get(at + offset + 1).filter(|branch| branch.text != "}");
                named.extend(branch.map(|branch| (branch.text.clone(), branch.line)));
            }
            "{" => depth += 1,
            "}" if depth == 1 => return,
            "}" => depth -= 1,
            _ => {}
        }
    }
}

/// Crates that the layer must not name.
fn foreign_crates(source: &Source, crates: &BTreeSet<String>) -> Offences {
    let layer = source.layer();
    let banned = |name: &str| {
        let not_of_the_rules = layer == "domain" && !CRATES_OF_THE_DOMAIN.contains(&name);
        not_of_the_rules
            || CRATES_AT_HOME.iter().any(|(at_home, home)| *at_home == name && *home != layer)
    };
    let tokens = &source.tokens;
    let heads_a_path = |at: usize| {
        let begins_use = at > 0 && tokens[at - 1].text == "use";
        begins_use || (is_path_separator(tokens, at + 1) && !continues_a_path(tokens, at))
    };
    let named = tokens.iter().enumerate().filter(|(at, token)| {
        let begins_use = *at > 0 && tokens[at - 1].text == "use";
        let is_crate = crates.contains(&token.text)
            || (begins_use && !["crate", "super", "self", ":"].contains(&token.text.as_str()));
        is_crate && heads_a_path(*at) && banned(&token.text)
    });
    named
        .map(|(_, token)| {
            format!(
                "{}: `{layer}` must not name the crate `{}`",
                source.place(token.line),
                token.text
            )
        })
        .collect()
}

fn is_path_separator(tokens: &[Token], at: usize) -> bool {
    [at, at + 1].iter().all(|at| tokens.get(*at).is_some_and(|token| token.text == ":"))
}

/// Whether the token is a later segment of a path: `a::token`. A leading `::` names a crate.
fn continues_a_path(tokens: &[Token], at: usize) -> bool {
    let is_name = |token: &Token| token.text.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    at >= 3
        && is_path_separator(tokens, at - 2)
        && is_name(&tokens[at - 3])
        && tokens[at - 3].text != "use"
}

fn count_supers(tokens: &[Token], at: usize) -> usize {
    let further = (1..).take_while(|hop| {
        is_path_separator(tokens, at + 3 * hop - 2)
            && tokens.get(at + 3 * hop).is_some_and(|token| token.text == "super")
    });
    1 + further.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(path: &str, text: &str) -> Offences {
        let crates = BTreeSet::from(["serde", "sqlx", "tokio", "chrono"].map(str::to_owned));
        check(&Source::parse(path, text), &crates)
    }

    #[test]
    fn an_import_against_the_arrows_is_seen_however_it_is_written() {
        for (path, text) in [
            ("ws/session.rs", "use crate::store::Store;"),
            ("ws/session.rs", "use crate::{actor::A, domain::{b::C, d}, store};"),
            ("ws/session.rs", "pub(crate) use ::licence_broker::store::Store;"),
            ("ws/session.rs", "use super::super::store::Store;"),
            ("ws/mod.rs", "use super::store::Store;"),
            ("ws/mod.rs", "mod inner { use super::super::store::Store; }"),
            ("ws/mod.rs", "fn f() { let _ = crate::store::open(); }"),
            ("ws/mod.rs", "fn f() { println!(\"{}\", crate::store::open()); }"),
            ("actor/journal.rs", "use crate::protocol::Frame;"),
            ("store/mod.rs", "use crate::actor::Journal;"),
            ("protocol/mod.rs", "use crate::store::Store;"),
            ("domain/pool.rs", "use crate::clock::Clock;"),
            ("clock.rs", "use crate::actor::Journal;"),
            ("broker.rs", "use crate::http::routes;"),
        ] {
            assert_eq!(offences(path, text).len(), 1, "{path}: {text}");
        }
    }

    #[test]
    fn imports_along_the_arrows_are_let_through() {
        for (path, text) in [
            ("ws/session.rs", "use crate::{actor::A, domain::{self, store}, protocol};"),
            ("ws/session.rs", "use super::store::Local; use self::store::Other;"),
            ("ws/mod.rs", "mod inner { use super::store; }"),
            ("http/users.rs", "use crate::store::Store; use crate::limits::PAGE_MAX;"),
            ("store/mod.rs", "use crate::domain::event::Event; fn f() { sqlx::query(); }"),
            ("broker.rs", "use crate::auth::Claims; use crate::actor::A; use crate::store::B;"),
            (
                "domain/pool.rs",
                "use super::ids; use std::fmt; use chrono_tz::Tz; fn f() { ids::g() }",
            ),
            ("app.rs", "use crate::{http, store, ws};"),
        ] {
            assert_eq!(offences(path, text), [""; 0], "{path}: {text}");
        }
    }

    #[test]
    fn a_crate_out_of_its_place_is_seen() {
        for (path, text) in [
            ("domain/user.rs", "use serde::Serialize;"),
            ("domain/user.rs", "#[derive(serde::Serialize)] struct User;"),
            ("domain/user.rs", "use some_new_crate::Thing;"),
            ("http/users.rs", "fn f() { sqlx::query(\"select 1\"); }"),
        ] {
            assert_eq!(offences(path, text).len(), 1, "{path}: {text}");
        }
    }

    #[test]
    fn a_layer_without_a_place_is_seen() {
        assert_eq!(offences("helpers/mod.rs", "").len(), 1);
    }

    #[test]
    fn a_second_home_of_a_crate_and_one_in_the_wrong_place_are_seen() {
        let home = |path: &str| Source::parse(path, "use actix_web_actors::ws;");
        let offences = |paths: &[&str]| {
            let sources: Vec<_> = paths.iter().map(|path| home(path)).collect();
            check_one_home(&sources, "actix_web_actors", "ws/").len()
        };
        assert_eq!(offences(&["ws/session.rs"]), 0);
        assert_eq!(offences(&["ws/session.rs", "ws/wallboard.rs"]), 1);
        assert_eq!(offences(&["http/live.rs"]), 1);
    }
}
