//! Which pages may connect: a browser names the page's origin, which the page cannot change.
//!
//! What a proxy says of the request (`Forwarded`, `X-Forwarded-*`) is not looked at: whoever reaches the
//! broker directly could say the same.

use crate::broker::Broker;
use crate::problem::Problem;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

/// The broker's own pages may connect, those that the operator named, and whoever is no browser.
///
/// # Errors
/// 403, for an origin that may not, for `null`, and for more than one.
pub fn check(broker: &Broker, headers: &HeaderMap) -> Result<(), Problem> {
    let mut origins = headers.get_all(header::ORIGIN).map(HeaderValue::to_str);
    let is_allowed = match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(Ok(origin)), None) => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            host.is_some_and(|host| is_own(origin, host, broker.serves_tls))
                || broker.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
                || is_of_another_node(broker, origin)
        }
        (Some(_), _) => false,
    };
    if is_allowed {
        Ok(())
    } else {
        Err(Problem::forbidden("pages of this origin may not connect"))
    }
}

/// Pages of another node may: they were told to go here.
fn is_of_another_node(broker: &Broker, origin: &str) -> bool {
    let nodes = broker.directory.nodes();
    nodes.is_some_and(|cluster| {
        cluster.other_origins().iter().any(|other| other.eq_ignore_ascii_case(origin))
    })
}

/// Whether it is the origin of the broker's own pages, as the client itself calls the broker. Where the
/// broker serves TLS that is `https` alone: a page that came in the clear may be anybody's. Where it does
/// not, a proxy in front of it may.
fn is_own(origin: &str, host: &str, serves_tls: bool) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme.to_ascii_lowercase().as_str() {
        "https" => ":443",
        "http" if !serves_tls => ":80",
        _ => return false,
    };
    let bare = |authority: &str| {
        authority.strip_suffix(default_port).unwrap_or(authority).to_ascii_lowercase()
    };
    !authority.is_empty() && bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::is_own;

    #[test]
    fn own_pages_are_those_of_the_host_that_was_asked() {
        for (origin, host) in [
            ("http://desk.example:8080", "desk.example:8080"),
            ("http://desk.example", "desk.example:80"),
            ("http://Desk.Example:8080", "desk.EXAMPLE:8080"),
            ("https://desk.example", "desk.example"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert!(is_own(origin, host, false), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://desk.example:8081", "desk.example:8080"),
            ("http://desk.example.evil.example", "desk.example"),
            ("http://evil.example/desk.example", "desk.example"),
            ("http://desk.example@evil.example", "desk.example"),
            ("ftp://desk.example", "desk.example"),
            ("//desk.example", "desk.example"),
            ("null", "null"),
            ("", ""),
            ("http://", ""),
        ] {
            assert!(!is_own(origin, host, false), "{origin} {host}");
        }
    }

    #[test]
    fn where_tls_is_served_a_page_in_the_clear_is_no_own_page() {
        assert!(is_own("https://desk.example:8443", "desk.example:8443", true));
        assert!(is_own("https://desk.example", "desk.example:443", true));
        assert!(!is_own("http://desk.example:8443", "desk.example:8443", true));
        assert!(!is_own("http://desk.example", "desk.example", true));
    }
}
