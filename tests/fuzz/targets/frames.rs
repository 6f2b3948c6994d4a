//! What comes in over a WebSocket: bytes, frames, fragments, messages.

use super::messages;
use actix_http::ws::{Codec, Frame, ProtocolError};
use bytes::BytesMut;
use bytestring::ByteString;
use licence_broker::limits::MESSAGE_BYTES_MAX;
use licence_broker::ws::frames::{HeaderWatch, Violation};
use licence_broker::ws::inbox::{Fragment, Fragments};
use tokio_util::codec::Decoder as _;

/// The longest header: two bytes, eight of length, four of mask.
const HEADER_BYTES_MAX: usize = 14;

/// The first byte says into what pieces the rest is cut.
pub(crate) fn run(data: &[u8]) {
    let Some((size, stream)) = data.split_first() else { return };
    let size = usize::from(*size) + 1;
    let at_once = judged(stream, stream.len().max(1));
    assert_eq!(at_once, judged(stream, size), "in pieces of {size}");
    let good_bytes = match HeaderWatch::default().pass(stream) {
        Ok(()) => stream.len(),
        Err(refusal) => refusal.good_bytes,
    };
    decode(&stream[..good_bytes], size);
}

/// What the gate makes of a stream that comes in pieces: the violation, and how many frames stood before.
fn judged(stream: &[u8], size: usize) -> (Option<Violation>, u64) {
    let mut watch = HeaderWatch::default();
    let outcome = stream.chunks(size).try_for_each(|piece| watch.pass(piece));
    (outcome.err().map(|refusal| refusal.violation), watch.frames())
}

/// The session does as much with what its gate lets through.
fn decode(stream: &[u8], size: usize) {
    let mut codec = Codec::new().max_size(MESSAGE_BYTES_MAX);
    let mut buffer = BytesMut::new();
    let mut fragments = Fragments::default();
    for piece in stream.chunks(size) {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    if !take(frame, &mut fragments) {
                        return;
                    }
                }
                Err(error) => return assert_left_to_the_codec(&error),
            }
        }
        let bound = HEADER_BYTES_MAX + MESSAGE_BYTES_MAX;
        assert!(buffer.len() <= bound, "{} bytes are gathered", buffer.len());
    }
}

/// Whether more is read behind this frame.
fn take(frame: Frame, fragments: &mut Fragments) -> bool {
    let message = match frame {
        Frame::Text(bytes) => ByteString::try_from(bytes).ok(),
        Frame::Continuation(item) => match fragments.add(item) {
            Fragment::Incomplete => return true,
            Fragment::Text(text) => Some(text),
            Fragment::NotText | Fragment::TooBig => None,
        },
        Frame::Ping(payload) | Frame::Pong(payload) => {
            assert!(payload.len() <= 125, "a control frame");
            return true;
        }
        Frame::Binary(_) | Frame::Close(_) => None,
    };
    message.is_some_and(|text| {
        assert!(text.len() <= MESSAGE_BYTES_MAX, "{} bytes in one message", text.len());
        messages::read(&text)
    })
}

/// The gate has looked at the headers, so only what needs the payload or the order of frames is left.
fn assert_left_to_the_codec(error: &ProtocolError) {
    let is_left = match error {
        ProtocolError::BadOpCode
        | ProtocolError::InvalidLength(_)
        | ProtocolError::ContinuationNotStarted
        | ProtocolError::ContinuationStarted => true,
        ProtocolError::UnmaskedFrame
        | ProtocolError::MaskedFrame
        | ProtocolError::InvalidOpcode(_)
        | ProtocolError::Overflow
        | ProtocolError::ContinuationFragment(_) => false,
        // So the codec reports a close frame whose reason is no text.
        ProtocolError::Io(error) => error.kind() == std::io::ErrorKind::InvalidData,
    };
    assert!(is_left, "{error:?}");
}
