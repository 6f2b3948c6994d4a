//! Files as gzip has them (RFC 1952), and who takes them so.

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};
use miniz_oxide::deflate::compress_to_vec;

/// The least effort that makes most of the difference: a file is compressed once.
const LEVEL: u8 = 6;

/// No name, no time, of no system in particular.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Compresses a file.
pub(super) fn gzip(file: &[u8]) -> Vec<u8> {
    let mut text = HEAD.to_vec();
    text.extend(compress_to_vec(file, LEVEL));
    text.extend(checksum(file).to_le_bytes());
    // RFC 1952 §2.3.1: of longer files the remainder.
    let length = u32::try_from(file.len() & 0xffff_ffff).unwrap_or(u32::MAX);
    text.extend(length.to_le_bytes());
    text
}

/// Whether `Accept-Encoding` names gzip, or anything, and does not forbid it.
pub(super) fn is_taken(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    let weights = values.flat_map(|value| value.split(',')).filter_map(weight);
    let mut gzip = None;
    for (coding, is_taken) in weights {
        let is_named = coding.eq_ignore_ascii_case("gzip");
        if is_named || (coding == "*" && gzip.is_none()) {
            gzip = Some(is_taken);
        }
    }
    gzip.unwrap_or(false)
}

/// A coding, and whether its weight is above nought.
fn weight(part: &str) -> Option<(&str, bool)> {
    let mut parts = part.split(';').map(str::trim);
    let coding = parts.next().filter(|coding| !coding.is_empty())?;
    let weight = parts.find_map(|parameter| parameter.strip_prefix("q="));
    Some((coding, weight.is_none_or(|weight| weight.parse().is_ok_and(|weight: f32| weight > 0.0))))
}

/// CRC-32, as Ethernet has it.
fn checksum(file: &[u8]) -> u32 {
    let next = |sum: u32, byte: &u8| {
        let index = (sum ^ u32::from(*byte)) & 0xff;
        TABLE[index as usize] ^ (sum >> 8)
    };
    !file.iter().fold(u32::MAX, next)
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut sum = index as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use miniz_oxide::inflate::decompress_to_vec;

    #[test]
    fn a_file_is_found_again_in_what_was_made_of_it() {
        let file = "a licence is held, ".repeat(1_000);
        let text = gzip(file.as_bytes());
        assert!(text.len() < file.len() / 20);
        let (body, tail) = text[HEAD.len()..].split_at(text.len() - HEAD.len() - 8);
        assert_eq!(decompress_to_vec(body).expect("deflated"), file.as_bytes());
        assert_eq!(tail[..4], checksum(file.as_bytes()).to_le_bytes());
        assert_eq!(tail[4..], 19_000_u32.to_le_bytes());
        // The check value of the algorithm.
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for (value, expected) in [
            ("gzip, deflate, br", true),
            ("GZIP;q=0.5", true),
            ("br;q=1, *", true),
            ("*;q=0, gzip", true),
            ("gzip;q=0, *", false),
            ("gzip; q=0.000", false),
            ("br, deflate", false),
            ("", false),
        ] {
            let request = TestRequest::default().insert_header((ACCEPT_ENCODING, value));
            assert_eq!(is_taken(request.to_http_request().headers()), expected, "{value}");
        }
        assert!(!is_taken(&HeaderMap::new()));
    }
}
