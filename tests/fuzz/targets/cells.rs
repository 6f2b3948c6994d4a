//! The CSV of reports, whatever people are called.

use csv::ReaderBuilder;
use licence_broker::http::fuzzing;

/// Cells are separated by a byte that they may hold otherwise: a unit separator.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Never first in the file: its head is, and readers take a byte order mark there for none of theirs.
    let mut cells = vec!["User".to_owned()];
    cells.extend(text.split('\u{1f}').map(str::to_owned));
    let line = fuzzing::csv_line(cells.clone());
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(&*line);
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("CSV");
    let [row] = &rows[..] else { panic!("one line, not {}", rows.len()) };
    assert_eq!(row.len(), cells.len());
    for (written, meant) in row.iter().zip(&cells) {
        assert!(!written.starts_with(['=', '+', '-', '@']), "a formula: {written:?}");
        assert!(written == meant || written.strip_prefix('\'') == Some(meant), "{meant:?}");
    }
}
