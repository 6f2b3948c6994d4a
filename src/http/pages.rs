//! The broker's own pages, carried by the binary.

use crate::problem::Problem;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Static;

/// Nothing from elsewhere, nothing inline; sockets to the broker alone.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; base-uri 'none'; object-src 'none'; \
                                       frame-ancestors 'none'; form-action 'self'";

/// Of the page that shows the API's description, whose signs are images within its style sheet.
const DOCS_CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; base-uri 'none'; \
                                            object-src 'none'; frame-ancestors 'none'; \
                                            form-action 'self'";

/// `GET /`
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn index() -> Result<HttpResponse, Problem> {
    page("index.html", CONTENT_SECURITY_POLICY)
}

/// `GET /docs`: the description of the API, to be read and tried.
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn docs() -> Result<HttpResponse, Problem> {
    page("docs/index.html", DOCS_CONTENT_SECURITY_POLICY)
}

/// `GET /static/{path}`
///
/// # Errors
/// 404 if there is no such file.
pub(super) async fn file(path: web::Path<String>) -> Result<HttpResponse, Problem> {
    page(&path, CONTENT_SECURITY_POLICY)
}

fn page(path: &str, content_security_policy: &'static str) -> Result<HttpResponse, Problem> {
    let file = Static::get(path).ok_or_else(|| Problem::not_found("there is no such page"))?;
    let EmbeddedFile { data, .. } = file;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, content_type(path)))
        .insert_header((header::CONTENT_SECURITY_POLICY, content_security_policy))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(data.into_owned()))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_carries_its_pages_and_nothing_is_inline() {
        for path in Static::iter() {
            let file = Static::get(&path).expect("a listed file");
            assert!(!file.data.is_empty(), "{path} is empty");
        }
        let index = Static::get("index.html").expect("the start page");
        let index = String::from_utf8_lossy(&index.data);
        assert!(!index.contains("style=") && !index.contains("onclick="));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        assert!(page("../Cargo.toml", CONTENT_SECURITY_POLICY).is_err());
        assert!(page("nothing.js", CONTENT_SECURITY_POLICY).is_err());
    }
}
