//! What wallboards are sent.

use super::device::rfc3339;
use super::request::RequestId;
use crate::domain::catalogue::Catalogue;
use crate::domain::interval::{INTERVAL, IntervalRecord};
use crate::domain::view::LicenceCounts;
use bytestring::ByteString;
use chrono::{DateTime, Utc};
use serde::Serialize;

#[derive(Serialize)]
struct Frame<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RequestId>,
    seq: u64,
    at: String,
    licences: Vec<Counts<'a>>,
}

#[derive(Serialize)]
struct Counts<'a> {
    licence: &'a str,
    holders: u32,
    instances: u32,
    concurrent: Concurrent,
    contingency: Contingency,
    waiting: u32,
    denied_today: u32,
}

#[derive(Serialize)]
struct Concurrent {
    total: u32,
    used: u32,
    available: u32,
}

#[derive(Serialize)]
struct Contingency {
    total: u32,
    used: u32,
    max_used: u32,
    available: u32,
}

impl<'a> Counts<'a> {
    fn of(counts: &LicenceCounts, catalogue: &'a Catalogue) -> Self {
        let LicenceCounts { totals, split, .. } = *counts;
        Self {
            licence: catalogue.key(counts.licence),
            holders: counts.holders,
            instances: counts.instances,
            concurrent: Concurrent {
                total: totals.concurrent,
                used: split.concurrent,
                available: totals.concurrent - split.concurrent,
            },
            contingency: Contingency {
                total: totals.contingency,
                used: split.contingency,
                max_used: counts.contingency_max,
                available: totals.contingency - split.contingency,
            },
            waiting: counts.waiting,
            denied_today: counts.denied_today,
        }
    }
}

#[derive(Serialize)]
struct Interval<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RequestId>,
    start: String,
    end: String,
    licences: Vec<Figures<'a>>,
}

#[derive(Serialize)]
struct Figures<'a> {
    licence: &'a str,
    concurrent: u32,
    contingency: u32,
}

/// `interval`: the figures of an interval that ended. Only the answer to a `subscribe` with an id carries
/// one.
///
/// # Panics
/// Never: strings and numbers are JSON.
pub fn interval(
    id: Option<&RequestId>,
    start: DateTime<Utc>,
    records: &[IntervalRecord],
    catalogue: &Catalogue,
) -> ByteString {
    let licences = records.iter().map(|record| Figures {
        licence: catalogue.key(record.licence),
        concurrent: record.concurrent,
        contingency: record.contingency,
    });
    let (end, licences) = (rfc3339(start + INTERVAL), licences.collect());
    let frame = Interval { r#type: "interval", id, start: rfc3339(start), end, licences };
    serde_json::to_string(&frame).expect("a frame of strings and numbers is JSON").into()
}

/// `snapshot`: every type, as of `seq`. Only the answer to a `subscribe` with an id carries one.
pub fn snapshot(
    id: Option<&RequestId>,
    seq: u64,
    at: DateTime<Utc>,
    licences: &[LicenceCounts],
    catalogue: &Catalogue,
) -> ByteString {
    frame("snapshot", id, seq, at, licences, catalogue)
}

/// `counts`: the types that changed since `seq` − 1.
pub fn counts(
    seq: u64,
    at: DateTime<Utc>,
    licences: &[LicenceCounts],
    catalogue: &Catalogue,
) -> ByteString {
    frame("counts", None, seq, at, licences, catalogue)
}

fn frame(
    r#type: &'static str,
    id: Option<&RequestId>,
    seq: u64,
    at: DateTime<Utc>,
    licences: &[LicenceCounts],
    catalogue: &Catalogue,
) -> ByteString {
    let licences = licences.iter().map(|counts| Counts::of(counts, catalogue)).collect();
    let frame = Frame { r#type, id, seq, at: rfc3339(at), licences };
    serde_json::to_string(&frame).expect("a frame of strings and numbers is JSON").into()
}
