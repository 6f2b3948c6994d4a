//! `GET /openapi.json`: the description of this API, `docs/openapi.yaml` as JSON.
//!
//! It is written by hand (docs/adr/0007) and held against the broker by `tests/docs`. The page that shows it,
//! `/docs`, is one of [`super::pages`].

use actix_web::HttpResponse;
use bytes::Bytes;
use std::sync::LazyLock;

const SOURCE: &str = include_str!("../../docs/openapi.yaml");

/// The document as it is sent; made from [`SOURCE`] when it is first asked for.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    let document: serde_json::Value =
        serde_saphyr::from_str(SOURCE).expect("docs/openapi.yaml is YAML: a test reads it");
    document.to_string().into()
});

/// The document, to anyone.
pub(super) async fn document() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(DOCUMENT.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_document_is_json_with_a_version() {
        let document: Value = serde_json::from_slice(&DOCUMENT).expect("JSON");
        assert_eq!(document["openapi"], "3.1.0");
    }
}
