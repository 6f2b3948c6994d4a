//! A source file as flat tokens, without what is compiled for tests only.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// One token and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// An identifier, one character of punctuation, an opening or closing bracket, or a literal.
    pub(crate) text: String,
    /// From 1.
    pub(crate) line: usize,
    /// How many inline modules it stands in.
    pub(crate) inline_modules: usize,
}

/// A file of the library or the binary.
#[derive(Debug)]
pub(crate) struct Source {
    /// Below `src`, with `/`.
    pub(crate) path: String,
    /// Without comments and without items under `#[cfg(test)]`.
    pub(crate) tokens: Vec<Token>,
    /// Modules that are declared here for tests only.
    test_modules: Vec<String>,
}

impl Source {
    /// Reads Rust.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let stream = text.parse::<TokenStream>().unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut source = Self { path: path.to_owned(), tokens: vec![], test_modules: vec![] };
        source.flatten(stream, 0);
        source
    }

    /// Module path: `["domain", "pool"]` for `domain/pool.rs`, `["domain"]` for `domain/mod.rs`.
    pub(crate) fn module(&self) -> Vec<&str> {
        let path = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        path.strip_suffix("/mod").unwrap_or(path).split('/').collect()
    }

    /// `domain` for everything below `domain/`.
    pub(crate) fn layer(&self) -> &str {
        self.module()[0]
    }

    /// `path:line`.
    pub(crate) fn place(&self, line: usize) -> String {
        format!("src/{}:{line}", self.path)
    }

    fn flatten(&mut self, stream: TokenStream, inline_modules: usize) {
        let mut trees = stream.into_iter().peekable();
        while let Some(tree) = trees.next() {
            if is_punct(&tree, '#') && trees.peek().is_some_and(is_cfg_test) {
                trees.next();
                let mut skipped = vec![];
                skip_item(&mut trees, &mut skipped);
                self.remember_test_module(&skipped);
                continue;
            }
            let TokenTree::Group(group) = &tree else {
                self.push(tree.to_string(), tree.span().start().line, inline_modules);
                continue;
            };
            let (open, close) = brackets(group.delimiter());
            let depth = inline_modules + usize::from(open == "{" && self.opens_module());
            self.push(open.to_owned(), group.span_open().start().line, depth);
            self.flatten(group.stream(), depth);
            self.push(close.to_owned(), group.span_close().start().line, inline_modules);
        }
    }

    fn push(&mut self, text: String, line: usize, inline_modules: usize) {
        self.tokens.push(Token { text, line, inline_modules });
    }

    /// Whether the last two tokens are `mod name`.
    fn opens_module(&self) -> bool {
        self.tokens.len() >= 2 && self.tokens[self.tokens.len() - 2].text == "mod"
    }

    fn remember_test_module(&mut self, item: &[String]) {
        if let [.., keyword, name, end] = item
            && keyword == "mod"
            && end == ";"
        {
            self.test_modules.push(name.clone());
        }
    }

    /// The files or folders, below `src`, of the modules that are declared for tests only.
    fn test_paths(&self) -> impl Iterator<Item = String> {
        let mut folder = self.module().join("/");
        if folder == "lib" || folder == "main" {
            folder.clear();
        } else {
            folder.push('/');
        }
        self.test_modules.iter().map(move |name| format!("{folder}{name}"))
    }
}

/// Every Rust file below `root`, without those that are compiled for tests only.
pub(crate) fn read_tree(root: &Path) -> Vec<Source> {
    let mut files = vec![];
    collect(root, &mut files);
    files.sort();
    let sources: Vec<_> = files
        .iter()
        .map(|file| {
            let text = std::fs::read_to_string(file).expect("a source can be read");
            let path = file.strip_prefix(root).expect("it is below the root");
            Source::parse(&path.to_string_lossy().replace('\\', "/"), &text)
        })
        .collect();
    without_tests(sources)
}

fn without_tests(mut sources: Vec<Source>) -> Vec<Source> {
    let tests: HashSet<String> = sources.iter().flat_map(Source::test_paths).collect();
    sources.retain(|source| {
        let module = source.module();
        (1..=module.len()).all(|depth| !tests.contains(&module[..depth].join("/")))
    });
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a source folder can be read") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn is_punct(tree: &TokenTree, wanted: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_cfg_test(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket
        && group.stream().to_string().replace(' ', "") == "cfg(test)")
}

/// Takes the rest of an item: up to its `;`, or its body and a `;` or `,` right behind that.
fn skip_item(
    trees: &mut std::iter::Peekable<impl Iterator<Item = TokenTree>>,
    skipped: &mut Vec<String>,
) {
    while let Some(tree) = trees.next() {
        skipped.push(tree.to_string());
        if is_punct(&tree, ';') {
            return;
        }
        if matches!(&tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace) {
            trees.next_if(|next| is_punct(next, ';') || is_punct(next, ','));
            return;
        }
    }
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

#[test]
fn what_is_compiled_for_tests_only_is_left_out() {
    let source = Source::parse(
        "store/mod.rs",
        "use a::b; // Utc::now() in a comment\n\
         #[cfg(test)] use c::{d, e};\n\
         #[cfg(test)] mod conformance;\n\
         #[cfg(test)] #[path = \"x.rs\"] mod tests { fn f() {} }\n\
         const TEXT: &str = \"g\";",
    );
    let text: Vec<_> = source.tokens.iter().map(|token| token.text.as_str()).collect();
    assert_eq!(text.join(" "), "use a : : b ; const TEXT : & str = \"g\" ;");
    assert_eq!(source.test_paths().collect::<Vec<_>>(), ["store/conformance"]);
    assert_eq!(source.tokens.last().map(|token| token.line), Some(5));
}

#[test]
fn files_of_modules_for_tests_are_left_out() {
    let sources = vec![
        Source::parse("lib.rs", "pub mod store; #[cfg(test)] mod testing;"),
        Source::parse("store/mod.rs", "#[cfg(test)] mod conformance; mod sqlite;"),
        Source::parse("store/conformance/mod.rs", ""),
        Source::parse("store/conformance/deep.rs", ""),
        Source::parse("store/sqlite.rs", ""),
        Source::parse("testing.rs", ""),
    ];
    let left: Vec<_> = without_tests(sources).into_iter().map(|source| source.path).collect();
    assert_eq!(left, ["lib.rs", "store/mod.rs", "store/sqlite.rs"]);
}
