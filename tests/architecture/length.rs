//! How long functions are.

use super::source::{Source, Token};
use std::fmt;

/// Longer is an offence.
pub(crate) const LINES_MAX: usize = 60;
/// Longer is printed: a function over this could often be two.
pub(crate) const LINES_AIM: usize = 40;

/// A function with a body, outside tests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    place: String,
    name: String,
    /// From `fn` to the closing brace, both included.
    pub(crate) lines: usize,
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}` has {} lines", self.place, self.name, self.lines)
    }
}

/// Every function of a file, nested ones too.
pub(crate) fn functions(source: &Source) -> Vec<Function> {
    let tokens = &source.tokens;
    let is_function = |at: &usize| tokens[*at].text == "fn" && is_name(tokens.get(at + 1));
    (0..tokens.len())
        .filter(is_function)
        .filter_map(|at| {
            let lines = body_end(&tokens[at..])? + 1 - tokens[at].line;
            let name = tokens[at + 1].text.clone();
            Some(Function { place: source.place(tokens[at].line), name, lines })
        })
        .collect()
}

/// `fn(` is a type, not a function.
fn is_name(token: Option<&Token>) -> bool {
    token.is_some_and(|token| token.text.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

/// The line of the brace that closes the first body; `None` for a declaration without one.
fn body_end(tokens: &[Token]) -> Option<usize> {
    let (mut braces, mut others) = (0, 0);
    for token in tokens {
        match token.text.as_str() {
            "{" => braces += 1,
            "}" => {
                braces -= 1;
                if braces == 0 {
                    return Some(token.line);
                }
            }
            "(" | "[" => others += 1,
            ")" | "]" => others -= 1,
            ";" if braces == 0 && others == 0 => return None,
            _ => {}
        }
    }
    None
}

#[test]
fn a_function_is_measured_from_its_name_to_its_closing_brace() {
    let body = "  let x = [0; 3];\n".repeat(LINES_MAX);
    let text = format!(
        "trait T {{ fn declared(&self, by: [u8; 2]) -> u8; }}\n\
         type Pointer = fn(u8) -> u8;\n\
         pub async fn long(\n  a: u8,\n) -> u8 {{\n{body}  fn inner() {{}}\n}}\n\
         #[cfg(test)]\nmod tests {{ fn for_tests() {{}} }}\n"
    );
    let found: Vec<_> = functions(&Source::parse("domain/pool.rs", &text))
        .into_iter()
        .map(|function| (function.place, function.name, function.lines))
        .collect();
    let expected = [
        ("src/domain/pool.rs:3".to_owned(), "long".to_owned(), LINES_MAX + 5),
        ("src/domain/pool.rs:66".to_owned(), "inner".to_owned(), 1),
    ];
    assert_eq!(found, expected);
}
