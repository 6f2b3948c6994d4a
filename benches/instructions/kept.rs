//! The file of what was counted before: a number and a name on each line.

use std::collections::BTreeMap;
use std::path::PathBuf;

const HEAD: &str =
    "# Instructions for one operation; `cargo bench --bench instructions -- --write` wrote them.\n";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/performance/instructions.txt")
}

/// What was counted before, by the names of the cases; nothing if there is no file.
pub(crate) fn read() -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.trim().split_once("  "));
    lines.filter_map(|(number, name)| Some((name.to_owned(), number.parse().ok()?))).collect()
}

/// Keeps what was found, and of the other cases what was kept.
pub(crate) fn write(found: &[(&str, u64)]) {
    let mut kept = read();
    kept.extend(found.iter().map(|(name, count)| ((*name).to_owned(), *count)));
    let lines: String = kept.iter().map(|(name, count)| format!("{count:>9}  {name}\n")).collect();
    let path = path();
    let folder = path.parent().expect("a folder");
    std::fs::create_dir_all(folder).expect("a folder");
    std::fs::write(&path, format!("{HEAD}{lines}")).expect("written");
}
