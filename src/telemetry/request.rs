//! The id of the HTTP request that is being served, for whoever answers it.

use std::sync::Arc;
use ulid::Ulid;

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// The most bytes of an id that a caller may choose: room for a UUID, a trace, a ULID; too short for a token.
const BYTES_MAX: usize = 64;

/// The id of a request: the caller's own if it is well-formed, else a new one that sorts by time (`at_ms`,
/// milliseconds of the Unix epoch).
pub fn id_of(given: Option<&[u8]>, at_ms: i64) -> Arc<str> {
    match given.and_then(well_formed) {
        Some(id) => id.into(),
        None => {
            let at_ms = u64::try_from(at_ms).unwrap_or(0);
            Ulid::from_parts(at_ms, rand::random()).to_string().into()
        }
    }
}

/// Nothing that could end a header, a quotation or a line of the log.
fn well_formed(given: &[u8]) -> Option<&str> {
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(byte);
    let fits = (1..=BYTES_MAX).contains(&given.len()) && given.iter().all(is_safe);
    fits.then(|| std::str::from_utf8(given).ok()).flatten()
}

/// Serves a request of this id.
pub async fn serve<F: Future>(id: Arc<str>, answer: F) -> F::Output {
    CURRENT.scope(id, answer).await
}

/// The id of the request that is being served; `None` outside of any.
pub fn current() -> Option<Arc<str>> {
    CURRENT.try_with(Arc::clone).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_id_is_kept_if_nothing_can_be_smuggled_in_it() {
        for id in [
            "a",
            "0198c7b2-7e8c-7d3a-9c1e-5a2b3c4d5e6f",
            "Root=1-67891233:abc/+@_.",
            &"x".repeat(64),
        ] {
            assert_eq!(&*id_of(Some(id.as_bytes()), 0), id);
        }
        for id in ["", "a b", "a\"b", "a\nb", "a\\b", "ä", "a{b}", "<a>", &"x".repeat(65)] {
            let made = id_of(Some(id.as_bytes()), 0);
            assert!(made.len() == 26 && *made != *id, "{id:?} was taken");
        }
        assert_ne!(id_of(None, 0), id_of(None, 0));
    }

    #[tokio::test]
    async fn whoever_answers_knows_the_id_and_nobody_else_does() {
        assert_eq!(current(), None);
        let seen = serve("r-1".into(), async { current() }).await;
        assert_eq!(seen.as_deref(), Some("r-1"));
    }
}
