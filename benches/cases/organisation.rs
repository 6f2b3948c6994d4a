//! What an organisation decides, and the counts that its wallboards are sent.

use super::Entry;
use super::estate::{Estate, now};
use licence_broker::actor::live::{Live, Written};
use licence_broker::domain::pool::Totals;
use licence_broker::domain::release::Tick;
use licence_broker::protocol::wallboard;
use std::hint::black_box;

/// See [`super::all`].
pub(crate) const CASES: &[Entry] = &[
    ("pool/next holder", next_holder),
    ("decision/nothing to decide", tick),
    ("decision/login and leave, 1,000 holders", || come_and_go(1_000)),
    ("decision/login and leave, 10,000 holders", || come_and_go(10_000)),
    ("decision/login and leave, 100,000 holders", || come_and_go(100_000)),
    ("decision/login and leave, 1,000,000 holders", || come_and_go(1_000_000)),
    ("live/frame of three types, published and written", live_frame),
    ("live/frame seen by 1,000 subscribers", fan_out),
];

/// From which pool one more holder is served, and how the holders fall on the totals then.
fn next_holder() -> Box<dyn FnMut()> {
    let totals = Totals { concurrent: 200, contingency: 20, ..Totals::default() };
    let mut holders = 0;
    Box::new(move || {
        holders = (holders + 1) % 230;
        black_box(black_box(totals).next(holders));
        black_box(black_box(totals).split(holders));
    })
}

fn tick() -> Box<dyn FnMut()> {
    let mut estate = Estate::with(1_000);
    Box::new(move || {
        black_box(estate.organisation.apply(Tick, now()));
    })
}

fn come_and_go(holders: u32) -> Box<dyn FnMut()> {
    let mut estate = Estate::with(holders);
    Box::new(move || estate.come_and_go())
}

/// A login and a leave, and the frame that tells of them.
fn live_frame() -> Box<dyn FnMut()> {
    let (mut estate, live) = (Estate::with(1_000), Live::new(now().at));
    Box::new(move || {
        estate.come_and_go();
        live.publish(&mut estate.organisation, now().at);
        let (frame, catalogue) = (live.latest(), estate.organisation.catalogue());
        black_box(wallboard::counts(frame.seq, frame.at, &frame.changed, catalogue));
    })
}

/// A frame that is there, taken by each of its subscribers; what their sockets cost is not in it.
fn fan_out() -> Box<dyn FnMut()> {
    let (mut estate, live) = (Estate::with(1_000), Live::new(now().at));
    let mut feeds: Vec<_> = (0..1_000).map(|_| live.subscribe()).collect();
    Box::new(move || {
        estate.come_and_go();
        live.publish(&mut estate.organisation, now().at);
        let catalogue = estate.organisation.catalogue();
        for feed in &mut feeds {
            let frame = feed.counts.borrow_and_update().clone();
            let write = || {
                let text = wallboard::counts(frame.seq, frame.at, &frame.changed, catalogue);
                Written { frame: text.as_bytes().clone(), text }
            };
            black_box(frame.changed_text.get_or_init(write).clone());
        }
    })
}
