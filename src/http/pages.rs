//! The broker's own pages, carried by the binary.

use super::headers::{ASK_EACH_TIME, ContentPolicy};
use crate::problem::Problem;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Static;

/// `GET /`
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn index() -> Result<HttpResponse, Problem> {
    page("index.html", ContentPolicy::Page)
}

/// `GET /desk`: the agent desk.
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn desk() -> Result<HttpResponse, Problem> {
    page("desk/index.html", ContentPolicy::Page)
}

/// `GET /wallboard`: live counts for a whole screen.
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn wallboard() -> Result<HttpResponse, Problem> {
    page("wallboard/index.html", ContentPolicy::Page)
}

/// `GET /docs`: the description of the API, to be read and tried.
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn docs() -> Result<HttpResponse, Problem> {
    page("docs/index.html", ContentPolicy::Docs)
}

/// `GET /static/{path}`
///
/// # Errors
/// 404 if there is no such file.
pub(super) async fn file(path: web::Path<String>) -> Result<HttpResponse, Problem> {
    page(&path, ContentPolicy::Page)
}

fn page(path: &str, content_policy: ContentPolicy) -> Result<HttpResponse, Problem> {
    let file = Static::get(path).ok_or_else(|| Problem::not_found("there is no such page"))?;
    let EmbeddedFile { data, .. } = file;
    let body = match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, content_type(path)))
        .insert_header(content_policy)
        .insert_header((header::CACHE_CONTROL, ASK_EACH_TIME))
        .body(body))
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
        for path in Static::iter().filter(|path| path.ends_with(".html")) {
            let page = Static::get(&path).expect("a listed page");
            let page = String::from_utf8_lossy(&page.data);
            assert!(!page.contains("style=") && !page.contains("onclick="), "{path}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        assert!(page("../Cargo.toml", ContentPolicy::Page).is_err());
        assert!(page("nothing.js", ContentPolicy::Page).is_err());
    }
}
