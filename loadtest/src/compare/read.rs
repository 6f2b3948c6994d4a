//! Reads a file of results; whatever is wrong with it is said with the file and the field.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;

use crate::limits::RESULTS_BYTES_MAX;
use crate::results::{FORMAT, Results};

#[derive(Deserialize)]
struct Document {
    results: Results,
}

/// The field that says how to read the others.
#[derive(Deserialize)]
struct Formatted {
    results: Format,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// # Errors
///
/// Where the file cannot be read, is no JSON, or has not the fields of results.
pub(super) fn results(path: &Path) -> Result<Results> {
    let file = path.display();
    let length = std::fs::metadata(path).with_context(|| file.to_string())?.len();
    ensure!(length <= RESULTS_BYTES_MAX, "{file}: more than {RESULTS_BYTES_MAX} bytes");
    let text = std::fs::read_to_string(path).with_context(|| file.to_string())?;
    let Formatted { results: Format { format } } = parse(path, &text)?;
    ensure!(format == FORMAT, "{file}: results.format: {format}, but {FORMAT} is read here");
    let Document { results } = parse(path, &text)?;
    Ok(results)
}

fn parse<'de, T: Deserialize<'de>>(path: &Path, text: &'de str) -> Result<T> {
    let file = path.display();
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (field, why) = (error.path().to_string(), error.into_inner());
        anyhow!("{file}: {field}: {why}")
    })
}
