//! Looks at the headers of frames as their bytes go by.
//!
//! The codec gathers a frame whole before it judges its length, so a peer could have it gather without
//! bound by declaring a length of terabytes; and some of what RFC 6455 forbids it reports as if the
//! connection were lost. Here a frame is refused by its header.

use crate::limits::MESSAGE_BYTES_MAX;

/// Why a frame is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Its payload is declared beyond [`MESSAGE_BYTES_MAX`].
    TooBig,
    /// RFC 6455 §5.2 or §5.5 forbids it: reserved bits or opcodes, no mask, a control frame that is
    /// fragmented or too long.
    Forbidden,
}

/// A frame that is refused, and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub violation: Violation,
    /// Of the bytes that were looked at last, so many stand before the frame.
    pub good_bytes: usize,
}

/// Control frames carry at most so many bytes (RFC 6455 §5.5).
const CONTROL_BYTES_MAX: u64 = 125;
/// Bytes of a masking key.
const MASK_BYTES: usize = 4;

/// Where one connection's stream of frames stands.
#[derive(Debug, Default)]
pub struct HeaderWatch {
    /// Of a header that has not come whole; at most 14 bytes.
    header: Vec<u8>,
    /// Bytes of payload that are still to come.
    payload_left: usize,
    frames: u64,
}

impl HeaderWatch {
    /// Looks at the next bytes of the stream.
    ///
    /// # Errors
    /// With the first frame that is refused; nothing after it can be understood.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let (mut at, mut good_bytes) = (0, 0);
        loop {
            let skipped = self.payload_left.min(bytes.len() - at);
            self.payload_left -= skipped;
            at += skipped;
            if self.header.is_empty() {
                good_bytes = at;
            }
            let Some(byte) = bytes.get(at) else { return Ok(()) };
            at += 1;
            self.header.push(*byte);
            let refuse = |violation| Refusal { violation, good_bytes };
            if let Some(payload) = judge(&self.header).map_err(refuse)? {
                self.header.clear();
                self.payload_left = payload;
                self.frames += 1;
            }
        }
    }

    /// How many frames have passed.
    pub fn frames(&self) -> u64 {
        self.frames
    }
}

/// The length of the payload behind a header; `None` while the header is not whole.
fn judge(header: &[u8]) -> Result<Option<usize>, Violation> {
    let [first, second, ..] = *header else { return Ok(None) };
    let is_control = first & 0x08 != 0;
    let is_known = matches!(first & 0x0f, 0x0..=0x2 | 0x8..=0xa);
    let is_final = first & 0x80 != 0;
    let has_reserved_bits = first & 0x70 != 0;
    let is_masked = second & 0x80 != 0;
    if has_reserved_bits || !is_known || !is_masked || (is_control && !is_final) {
        return Err(Violation::Forbidden);
    }
    let short = u64::from(second & 0x7f);
    let extension = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if is_control && short > CONTROL_BYTES_MAX {
        return Err(Violation::Forbidden);
    }
    let Some(extended) = header.get(2..2 + extension) else { return Ok(None) };
    let length = match extension {
        0 => short,
        _ => extended.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
    };
    if length > i64::MAX.unsigned_abs() {
        return Err(Violation::Forbidden);
    }
    match usize::try_from(length) {
        Ok(length) if length <= MESSAGE_BYTES_MAX => {
            Ok((header.len() == 2 + extension + MASK_BYTES).then_some(length))
        }
        Ok(_) | Err(_) => Err(Violation::TooBig),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: [u8; 6] = [0x89, 0x80, 1, 2, 3, 4];

    #[test]
    fn whole_frames_pass_however_their_bytes_are_cut() {
        let mut text = vec![0x81, 0xfe, 0x40, 0x00, 1, 2, 3, 4];
        text.extend(vec![0xff; MESSAGE_BYTES_MAX]);
        let stream = [&PING[..], &text, &PING].concat();
        for size in [1, 2, 7, 1_000, stream.len()] {
            let mut watch = HeaderWatch::default();
            for bytes in stream.chunks(size) {
                assert_eq!(watch.pass(bytes), Ok(()), "in pieces of {size}");
            }
            assert_eq!(watch.frames(), 3);
            let refusal = Refusal { violation: Violation::Forbidden, good_bytes: 0 };
            assert_eq!(watch.pass(&[0xff, 0xff]), Err(refusal), "a header is next");
        }
    }

    #[test]
    fn what_stands_before_a_refused_frame_is_counted() {
        let forbidden = |good_bytes| Err(Refusal { violation: Violation::Forbidden, good_bytes });
        let stream = [&PING[..], &PING, &[0x83, 0x80]].concat();
        let mut watch = HeaderWatch::default();
        assert_eq!(watch.pass(&stream), forbidden(12));
        assert_eq!(watch.frames(), 2);
        let (early, late) = stream.split_at(13);
        let mut watch = HeaderWatch::default();
        assert_eq!(watch.pass(early), Ok(()));
        assert_eq!(watch.pass(late), forbidden(0), "its header began earlier");
    }

    #[test]
    fn a_frame_is_refused_by_its_header() {
        let cases: [(&[u8], Violation); 7] = [
            (&[0x81, 0xfe, 0x40, 0x01], Violation::TooBig),
            (&[0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0], Violation::TooBig),
            (&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], Violation::Forbidden),
            (&[0x81, 0x02], Violation::Forbidden),
            (&[0xc1, 0x82], Violation::Forbidden),
            (&[0x83, 0x80], Violation::Forbidden),
            (&[0x09, 0x80], Violation::Forbidden),
        ];
        for (header, violation) in cases {
            let refused = HeaderWatch::default().pass(header).map_err(|refusal| refusal.violation);
            assert_eq!(refused, Err(violation), "{header:x?}");
        }
    }
}
