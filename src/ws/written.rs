//! A message that is written once, for however many are sent it.

use crate::actor::live::Written;
use actix_http::ws::{OpCode, Parser};
use bytes::BytesMut;
use bytestring::ByteString;

/// The most that a header has in front of what a server sends (RFC 6455 §5.2).
const HEADER_BYTES_MAX: usize = 10;

/// Writes the frame of this text.
///
/// # Panics
/// Never: what stands behind the header is the text.
pub(super) fn written(text: &str) -> Written {
    let mut frame = BytesMut::with_capacity(HEADER_BYTES_MAX + text.len());
    Parser::write_message(&mut frame, text, OpCode::Text, true, false);
    let frame = frame.freeze();
    let behind_header = frame.slice(frame.len() - text.len()..);
    let text = ByteString::try_from(behind_header).expect("what was a text is one");
    Written { text, frame }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_header_and_the_text_and_both_share_their_bytes() {
        for (length, header) in [(5, 2), (125, 2), (126, 4), (700, 4), (70_000, 10)] {
            let text = "x".repeat(length);
            let written = written(&text);
            assert_eq!(written.frame.len(), header + length);
            assert_eq!(written.frame[0], 0x81, "a text, and all of it");
            assert_eq!(written.frame[1] & 0x80, 0, "not masked");
            assert_eq!(written.text, text);
            assert_eq!(written.text.as_bytes().as_ptr(), written.frame[header..].as_ptr());
        }
    }
}
