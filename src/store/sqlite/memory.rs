//! How much memory SQLite has: page caches, mostly, which are bounded and fill as the database grows.

/// Bytes that SQLite has allocated in this process, over all connections.
pub fn memory_used() -> u64 {
    // SAFETY: it takes nothing and gives a number that SQLite keeps under its own lock; it may be called at
    // any time, before and after there are connections.
    #[expect(unsafe_code, reason = "no safe wrapper offers this number")]
    let bytes = unsafe { rusqlite::ffi::sqlite3_memory_used() };
    u64::try_from(bytes).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_takes_memory() {
        let connection = rusqlite::Connection::open_in_memory().expect("memory");
        connection.execute_batch("CREATE TABLE t (x)").expect("a table");
        assert!(memory_used() > 10_000, "{}", memory_used());
    }
}
