//! What a frame of live counts says, as far as it is needed here: found by looking for it, for a tree of
//! each of some ten thousand frames a second would make the tool the bottleneck.

use serde_json::Value;

/// A `snapshot` or `counts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) is_snapshot: bool,
    pub(crate) seq: u64,
    /// Of the licence type that is followed; `None` where the frame does not have it.
    pub(crate) holders: Option<u64>,
}

/// Reads a frame; `None` where it is no counts. `followed` is what [`followed`] made.
pub(crate) fn scan(text: &str, followed: &str) -> Option<Frame> {
    let kind = after(text, "\"type\":\"")?;
    let is_snapshot = kind.starts_with("snapshot\"");
    if !is_snapshot && !kind.starts_with("counts\"") {
        return None;
    }
    let seq = number(after(text, "\"seq\":")?)?;
    let holders = after(text, followed).and_then(|rest| number(after(rest, "\"holders\":")?));
    Some(Frame { is_snapshot, seq, holders })
}

/// The same by way of a tree: what a scan must agree with.
pub(crate) fn parse(text: &str, licence: &str) -> Option<Frame> {
    let frame: Value = serde_json::from_str(text).ok()?;
    let is_snapshot = match frame["type"].as_str()? {
        "snapshot" => true,
        "counts" => false,
        _ => return None,
    };
    let row = frame["licences"].as_array()?.iter().find(|row| row["licence"] == licence);
    let holders = row.and_then(|row| row["holders"].as_u64());
    Some(Frame { is_snapshot, seq: frame["seq"].as_u64()?, holders })
}

/// What stands before the numbers of this type.
pub(crate) fn followed(licence: &str) -> String {
    format!("\"licence\":\"{licence}\"")
}

fn after<'a>(text: &'a str, what: &str) -> Option<&'a str> {
    text.split_once(what).map(|(_, rest)| rest)
}

fn number(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: &str = r#"{"type":"counts","seq":42,"at":"2026-03-06T13:30:28.123Z","licences":[
        {"licence":"agent_email","holders":3,"instances":4},
        {"licence":"inbound_agent","holders":200,"instances":391,
        "concurrent":{"total":200,"used":200,"available":0}}]}"#;

    #[test]
    fn a_scan_finds_what_a_tree_has() {
        for licence in ["inbound_agent", "agent_email", "recording"] {
            let scanned = scan(COUNTS, &followed(licence));
            assert_eq!(scanned, parse(COUNTS, licence), "{licence}");
            assert_eq!(scanned.map(|frame| frame.seq), Some(42));
        }
        let frame = scan(COUNTS, &followed("inbound_agent")).expect("counts");
        assert_eq!((frame.is_snapshot, frame.holders), (false, Some(200)));
    }

    #[test]
    fn figures_of_five_minutes_and_nonsense_are_no_counts() {
        for text in [r#"{"type":"interval","start":"x"}"#, "", "{}", r#"{"type":"counts"}"#] {
            assert_eq!(scan(text, &followed("inbound_agent")), None, "{text}");
        }
    }
}
