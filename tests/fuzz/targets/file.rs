//! Readers that take the path of a file.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Puts the bytes where no disk is, and hands over the path. One file for each name and process.
pub(crate) fn with<T>(name: &str, bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        if memory.is_dir() { memory } else { std::env::temp_dir() }
    });
    let path = folder.join(format!("licence-broker-fuzz-{name}-{}", std::process::id()));
    std::fs::write(&path, bytes).expect("there is room for a small file");
    let outcome = read(&path);
    let _ = std::fs::remove_file(&path);
    outcome
}
