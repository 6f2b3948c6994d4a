//! For the fuzz targets and the test that replays their corpus (`tests/fuzz`), and for nothing else.

/// Reads a key set; how many of its keys are of use.
///
/// # Errors
/// If it is none.
pub fn key_set(text: &[u8]) -> Result<usize, String> {
    super::key_set::parse(text).map(|keys| keys.len())
}
