//! The broker's own pages, carried by the binary.

use super::gzip;
use super::headers::{ASK_EACH_TIME, ContentPolicy};
use crate::problem::Problem;
use actix_web::http::header::{self, HeaderMap, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Static;

/// Below this a file fits into a packet as it is.
const WORTH_COMPRESSING_BYTES: usize = 1_024;

/// What was compressed so far, by its path; no more than there are files.
static COMPRESSED: Mutex<Option<HashMap<String, Bytes>>> = Mutex::new(None);

/// `GET /`: the console.
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn index(request: HttpRequest) -> Result<HttpResponse, Problem> {
    page(&request, "index.html", ContentPolicy::Page).await
}

/// `GET /desk`: the agent desk.
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn desk(request: HttpRequest) -> Result<HttpResponse, Problem> {
    page(&request, "desk/index.html", ContentPolicy::Page).await
}

/// `GET /wallboard`: live counts for a whole screen.
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn wallboard(request: HttpRequest) -> Result<HttpResponse, Problem> {
    page(&request, "wallboard/index.html", ContentPolicy::Page).await
}

/// `GET /docs`: the description of the API, to be read and tried.
///
/// # Errors
/// 404 if the binary was built without its pages.
pub(super) async fn docs(request: HttpRequest) -> Result<HttpResponse, Problem> {
    page(&request, "docs/index.html", ContentPolicy::Docs).await
}

/// `GET /static/{path}`
///
/// # Errors
/// 404 if there is no such file.
pub(super) async fn file(
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    page(&request, &path, ContentPolicy::Page).await
}

async fn page(
    request: &HttpRequest,
    path: &str,
    content_policy: ContentPolicy,
) -> Result<HttpResponse, Problem> {
    let file = Static::get(path).ok_or_else(|| Problem::not_found("there is no such page"))?;
    let EmbeddedFile { data, metadata } = file;
    let tag = format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&metadata.sha256_hash()[..12]));
    if is_known(request.headers(), &tag) {
        return Ok(described(HttpResponse::NotModified(), content_policy, &tag).finish());
    }
    let body = match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let mut response = described(HttpResponse::Ok(), content_policy, &tag);
    response.insert_header((header::CONTENT_TYPE, content_type(path)));
    if body.len() < WORTH_COMPRESSING_BYTES || !gzip::is_taken(request.headers()) {
        return Ok(response.body(body));
    }
    response.insert_header((header::CONTENT_ENCODING, "gzip"));
    Ok(response.body(compressed(path, body).await?))
}

/// What a page's answer carries, whether or not it has a body.
fn described(
    mut response: HttpResponseBuilder,
    content_policy: ContentPolicy,
    tag: &str,
) -> HttpResponseBuilder {
    response
        .insert_header(content_policy)
        .insert_header((header::CACHE_CONTROL, ASK_EACH_TIME))
        .insert_header((header::ETAG, tag))
        .insert_header((header::VARY, "Accept-Encoding"));
    response
}

/// Whether the caller has this very file (RFC 9110 §13.1.2, compared weakly).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let mut known = values.flat_map(|value| value.split(','));
    known.any(|known| strong(known) == strong(tag))
}

/// The file compressed, on a thread that nobody waits for: sockets share the others.
async fn compressed(path: &str, file: Bytes) -> Result<Bytes, Problem> {
    let known = |path: &str| {
        let files = COMPRESSED.lock().unwrap_or_else(PoisonError::into_inner);
        files.as_ref().and_then(|files| files.get(path).cloned())
    };
    if let Some(known) = known(path) {
        return Ok(known);
    }
    let made = web::block(move || Bytes::from(gzip::gzip(&file))).await;
    let made = made.map_err(|_| Problem::overloaded("the page cannot be served now; try again"))?;
    let mut files = COMPRESSED.lock().unwrap_or_else(PoisonError::into_inner);
    files.get_or_insert_default().insert(path.to_owned(), made.clone());
    Ok(made)
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
    use actix_web::body::{BodySize, MessageBody as _};
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

    async fn asked(path: &str, headers: &[(&str, &str)]) -> Result<HttpResponse, Problem> {
        let request = headers
            .iter()
            .fold(TestRequest::default(), |request, header| request.insert_header(*header));
        page(&request.to_http_request(), path, ContentPolicy::Page).await
    }

    #[actix_web::test]
    async fn what_is_not_there_is_not_found() {
        assert!(asked("../Cargo.toml", &[]).await.is_err());
        assert!(asked("nothing.js", &[]).await.is_err());
    }

    #[actix_web::test]
    async fn a_file_is_sent_once_and_small_to_those_who_take_it_so() {
        let length = |response: &HttpResponse| {
            let BodySize::Sized(length) = response.body().size() else {
                panic!("a body of known size: {:?}", response.body().size());
            };
            length
        };
        let plain = asked("app.css", &[]).await.expect("a file");
        let small = asked("app.css", &[("accept-encoding", "gzip")]).await.expect("a file");
        assert!(length(&small) * 3 < length(&plain));
        assert_eq!(small.headers().get("content-encoding").expect("named"), "gzip");
        assert!(plain.headers().get("content-encoding").is_none());
        let again = asked("app.css", &[("accept-encoding", "gzip")]).await.expect("a file");
        assert_eq!(length(&again), length(&small));
        let tag = small.headers().get("etag").expect("a tag").to_str().expect("text");
        for known in [tag, &format!("\"other\", {tag}"), tag.trim_start_matches("W/")] {
            let answer = asked("app.css", &[("if-none-match", known)]).await.expect("an answer");
            assert_eq!(answer.status(), 304, "{known}");
        }
        let other = asked("app.css", &[("if-none-match", "\"other\"")]).await.expect("a file");
        assert_eq!(other.status(), 200);
    }
}
