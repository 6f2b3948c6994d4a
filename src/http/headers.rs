//! What every answer carries: what a browser may do with it, and who may keep it.
//!
//! An answer that says otherwise by itself keeps what it says; only pages do, by [`ContentPolicy`].

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CROSS_ORIGIN_OPENER_POLICY,
    CROSS_ORIGIN_RESOURCE_POLICY, HeaderName, HeaderValue, PERMISSIONS_POLICY, REFERRER_POLICY,
    TryIntoHeaderPair, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::DefaultHeaders;

/// Who may keep pages and their parts: anybody who asks each time whether they are still these.
pub(super) const ASK_EACH_TIME: &str = "no-cache";

/// Abilities of a browser that nothing of the broker uses.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), \
     microphone=(), midi=(), payment=(), usb=()";

/// What a browser may load and do for an answer that it shows (CSP level 3). Nothing inline runs or styles
/// anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentPolicy {
    /// Data, which is no page: nothing at all.
    Data,
    /// The broker's pages and their parts: what the broker itself serves, and sockets to it (`'self'` takes
    /// in `ws` and `wss`).
    Page,
    /// The page that shows the API's description: its signs are images within its style sheet.
    Docs,
}

impl ContentPolicy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Data => {
                "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
            }
            Self::Page => {
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                 connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; \
                 frame-ancestors 'none'"
            }
            Self::Docs => {
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                 connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            }
        }
    }
}

impl ContentPolicy {
    /// The same, where pages may also connect to sockets of other nodes, by their origins: they are sent there.
    pub(super) fn with_nodes(self, origins: &[String]) -> (HeaderName, String) {
        const OWN: &str = "connect-src 'self'";
        let mut sources = OWN.to_owned();
        for origin in origins {
            sources.push(' ');
            // `ws` for `http`, `wss` for `https`.
            sources.push_str(&origin.replacen("http", "ws", 1));
        }
        (CONTENT_SECURITY_POLICY, self.as_str().replacen(OWN, &sources, 1))
    }
}

impl TryIntoHeaderPair for ContentPolicy {
    type Error = std::convert::Infallible;

    fn try_into_pair(self) -> Result<(HeaderName, HeaderValue), Self::Error> {
        Ok((CONTENT_SECURITY_POLICY, HeaderValue::from_static(self.as_str())))
    }
}

/// What every answer carries; the composition root wraps the whole application in it.
pub fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((CACHE_CONTROL, "no-store"))
        .add(ContentPolicy::Data)
        .add((REFERRER_POLICY, "no-referrer"))
        .add((PERMISSIONS_POLICY, PERMISSIONS))
        .add((CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
        .add((CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"))
        // For browsers that do not know `frame-ancestors`.
        .add((X_FRAME_OPTIONS, "DENY"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_may_connect_to_sockets_of_the_nodes_that_there_are() {
        let nodes = ["http://10.0.0.2:8080".to_owned(), "https://b.example".to_owned()];
        let (_, policy) = ContentPolicy::Page.with_nodes(&nodes);
        let expected = "connect-src 'self' ws://10.0.0.2:8080 wss://b.example;";
        assert!(policy.contains(expected), "{policy}");
        assert_eq!(ContentPolicy::Page.with_nodes(&[]).1, ContentPolicy::Page.as_str());
        assert_eq!(ContentPolicy::Data.with_nodes(&nodes).1, ContentPolicy::Data.as_str());
    }
}
