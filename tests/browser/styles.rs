//! The style sheet against itself.

use std::path::Path;

/// The declarations of the block that begins after `head`.
fn declarations(sheet: &str, head: &str) -> Vec<String> {
    let (_, rest) = sheet.split_once(head).unwrap_or_else(|| panic!("{head} is in the sheet"));
    let block = rest.split('}').next().unwrap();
    block.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn dark_is_the_same_whether_the_system_or_the_person_chose_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("static/app.css");
    let sheet = std::fs::read_to_string(path).unwrap();
    let of_system = declarations(&sheet, ":root:not([data-theme=\"light\"]) {");
    assert!(of_system.len() > 10, "the tokens are still read: {of_system:?}");
    assert_eq!(declarations(&sheet, ":root[data-theme=\"dark\"] {"), of_system);
}
