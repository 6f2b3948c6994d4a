//! The broker's own pages, carried by the binary.

use super::carried::Carried;
use super::headers::{ASK_EACH_TIME, ContentPolicy};
use crate::broker::Broker;
use crate::problem::{Answer, Problem};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
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
pub(super) async fn index(request: HttpRequest) -> Answer {
    page(&request, "index.html", ContentPolicy::Page).await
}

/// `GET /desk`: the agent desk.
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn desk(request: HttpRequest) -> Answer {
    page(&request, "desk/index.html", ContentPolicy::Page).await
}

/// `GET /wallboard`: live counts for a whole screen.
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn wallboard(request: HttpRequest) -> Answer {
    page(&request, "wallboard/index.html", ContentPolicy::Page).await
}

/// `GET /docs`: the description of the API, to be read and tried.
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn docs(request: HttpRequest) -> Answer {
    page(&request, "docs/index.html", ContentPolicy::Docs).await
}

/// `GET /static/{path}`
///
/// # Errors
/// 404 if there is no such file.
pub(super) async fn file(request: HttpRequest, path: web::Path<String>) -> Answer {
    page(&request, &path, ContentPolicy::Page).await
}

async fn page(request: &HttpRequest, path: &str, content_policy: ContentPolicy) -> Answer {
    let file = Static::get(path).ok_or_else(|| Problem::not_found("there is no such page"))?;
    let EmbeddedFile { data, metadata } = file;
    let plain = match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let carried = Carried::new(request, metadata.sha256_hash(), plain);
    let is_known = carried.is_known(request);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::ETAG, carried.tag.as_str()))
        .insert_header((header::VARY, "Accept-Encoding"))
        .insert_header(content_policy.with_nodes(&nodes_of(request)))
        .insert_header((header::CACHE_CONTROL, ASK_EACH_TIME));
    if is_known {
        return Ok(response.finish());
    }
    response.insert_header((header::CONTENT_TYPE, content_type(path)));
    if carried.is_packed {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    Ok(response.body(carried.body().await?))
}

/// Where pages may be sent on to.
fn nodes_of(request: &HttpRequest) -> Vec<String> {
    let broker = request.app_data::<web::Data<Broker>>();
    let nodes = broker.and_then(|broker| broker.directory.nodes());
    nodes.map(|cluster| cluster.other_origins()).unwrap_or_default()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::StatusCode;
    use actix_web::test::TestRequest;

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

    #[actix_web::test]
    async fn what_is_not_there_is_not_found() {
        let request = TestRequest::default().to_http_request();
        for path in ["../Cargo.toml", "nothing.js"] {
            assert!(page(&request, path, ContentPolicy::Page).await.is_err(), "{path}");
        }
    }

    #[actix_web::test]
    async fn who_has_a_page_is_not_sent_it_again() {
        let first = TestRequest::default().to_http_request();
        let first = page(&first, "app.css", ContentPolicy::Page).await.expect("a file");
        let tag = first.headers().get(header::ETAG).expect("a tag").clone();
        let again = TestRequest::default().insert_header((header::IF_NONE_MATCH, tag));
        let again = page(&again.to_http_request(), "app.css", ContentPolicy::Page).await;
        assert_eq!(again.expect("a file").status(), StatusCode::NOT_MODIFIED);
    }
}
