//! A file that the binary carries, on its way out: packed where whoever asks takes that, and not sent at all
//! to whoever has it already.

use crate::problem::{Kind, Problem};
use crate::thread_priority;
use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT_ENCODING, HeaderName, IF_NONE_MATCH};
use bytes::Bytes;
use dashmap::DashMap;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

/// Below this, what packing saves is not worth its headers.
const PACKED_BYTES_MIN: usize = 512;

/// What was packed before, by the hash of the file: at most every file that the binary carries.
static PACKED: LazyLock<DashMap<Hash, Bytes>> = LazyLock::new(DashMap::new);

type Hash = [u8; 32];

/// The form in which a file goes out.
pub(super) struct Carried {
    /// Names exactly these bytes, the coding included (RFC 9110 §8.8.3).
    pub(super) tag: String,
    pub(super) is_packed: bool,
    hash: Hash,
    plain: Bytes,
}

impl Carried {
    /// Chooses the form for a request.
    pub(super) fn new(request: &HttpRequest, hash: Hash, plain: Bytes) -> Self {
        let is_packed = plain.len() >= PACKED_BYTES_MIN && takes_gzip(request);
        let mut tag = String::from("\"");
        for byte in &hash[..16] {
            let written = write!(tag, "{byte:02x}");
            debug_assert!(written.is_ok(), "a string takes whatever is written");
        }
        tag.push_str(if is_packed { "-gzip\"" } else { "\"" });
        Self { tag, is_packed, hash, plain }
    }

    /// Whether whoever asks says that they have it.
    pub(super) fn is_known(&self, request: &HttpRequest) -> bool {
        let known = |tag: &str| tag == "*" || tag.trim_start_matches("W/") == self.tag;
        listed(request, &IF_NONE_MATCH).any(known)
    }

    /// The bytes; packing is done once for each file, on a thread that serves nobody else.
    ///
    /// # Errors
    /// 500 if they could not be packed.
    pub(super) async fn body(self) -> Result<Bytes, Problem> {
        let Self { hash, plain, is_packed, .. } = self;
        if !is_packed {
            return Ok(plain);
        }
        if let Some(packed) = PACKED.get(&hash) {
            return Ok(packed.clone());
        }
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "a page could not be packed");
            Problem::new(Kind::Internal, "the page could not be packed")
        };
        let packed = thread_priority::blocking(move || pack(&plain))
            .await
            .map_err(|error| failed(&error))?;
        let packed = packed.map_err(|error| failed(&error))?;
        PACKED.insert(hash, packed.clone());
        Ok(packed)
    }
}

fn pack(plain: &[u8]) -> std::io::Result<Bytes> {
    let mut packer = GzEncoder::new(Vec::with_capacity(plain.len() / 3), Compression::best());
    packer.write_all(plain)?;
    packer.finish().map(Bytes::from)
}

/// Whether `gzip` is named, and not with a weight of nothing (RFC 9110 §12.5.3).
fn takes_gzip(request: &HttpRequest) -> bool {
    listed(request, &ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok()) == Some(0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// The entries of a header that is a list, wherever it stands.
fn listed<'a>(request: &'a HttpRequest, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = request.headers().get_all(name).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',').map(str::trim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use flate2::read::GzDecoder;
    use std::io::Read as _;

    const TEXT: Bytes = Bytes::from_static(&[b'x'; PACKED_BYTES_MIN]);

    fn carried(header: (HeaderName, &str), plain: Bytes) -> Carried {
        let request = TestRequest::get().insert_header(header).to_http_request();
        Carried::new(&request, [7; 32], plain)
    }

    #[test]
    fn a_file_is_packed_for_whoever_takes_that_and_for_nobody_else() {
        for takes in ["gzip", "br, GZIP", "deflate, gzip;q=0.5"] {
            assert!(carried((ACCEPT_ENCODING, takes), TEXT).is_packed, "{takes}");
        }
        for refuses in ["", "br", "gzip;q=0", "gzip; q=0.0", "*"] {
            assert!(!carried((ACCEPT_ENCODING, refuses), TEXT).is_packed, "{refuses}");
        }
        let small = TEXT.slice(1..);
        assert!(!carried((ACCEPT_ENCODING, "gzip"), small).is_packed);
    }

    #[test]
    fn what_was_packed_is_the_same_when_it_is_unpacked() {
        let packed = pack(&TEXT).expect("memory takes it");
        assert!(packed.len() < TEXT.len());
        let mut unpacked = Vec::new();
        GzDecoder::new(&*packed).read_to_end(&mut unpacked).expect("whole");
        assert_eq!(unpacked, TEXT);
    }

    #[test]
    fn whoever_names_the_tag_of_this_very_form_has_it() {
        let of = |plain: &Carried| plain.tag.clone();
        let plain = carried((ACCEPT_ENCODING, ""), TEXT);
        let packed = carried((ACCEPT_ENCODING, "gzip"), TEXT);
        assert_ne!(of(&plain), of(&packed));
        let asks = |tags: &str| {
            let request = TestRequest::get().insert_header((IF_NONE_MATCH, tags)).to_http_request();
            plain.is_known(&request)
        };
        assert!(asks(&of(&plain)) && asks("*"));
        assert!(asks(&format!("\"other\", W/{}", of(&plain))));
        assert!(!asks(&of(&packed)) && !asks("\"other\""));
    }
}
