//! Opens whichever store a URL names.

use super::postgres::PostgresStore;
use super::sqlite::SqliteStore;
use super::{Store, StoreError};
use crate::domain::catalogue::Catalogue;
use std::sync::Arc;

/// Whether a URL names a database of a PostgreSQL server.
pub fn is_postgres(url: &str) -> bool {
    matches!(url.split_once("://"), Some(("postgres" | "postgresql", _)))
}

/// A URL as it may be shown: without the user and the password that may stand in it, nor its options.
pub fn shown(url: &str) -> &str {
    if !is_postgres(url) {
        return url;
    }
    let place = url.split_once('?').map_or(url, |(place, _)| place);
    place.rsplit_once('@').map_or(place, |(_, place)| place)
}

/// The store that a URL names: `postgres://…`, or a file of SQLite.
///
/// # Errors
/// Those of [`PostgresStore::open`] and [`SqliteStore::open`].
pub async fn open(url: &str, catalogue: Arc<Catalogue>) -> Result<Arc<dyn Store>, StoreError> {
    if is_postgres(url) {
        return Ok(Arc::new(PostgresStore::open(url, catalogue).await?));
    }
    Ok(Arc::new(SqliteStore::open(url, catalogue).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, expected) in [
            ("postgres://u:s%40e@cret@db:5432/x?password=secret", "db:5432/x"),
            ("postgresql://db/x", "postgresql://db/x"),
            ("sqlite://a@b.db", "sqlite://a@b.db"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }
}
