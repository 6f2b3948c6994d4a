//! How long the parts of a login take, without sockets and store, and what a hop to an organisation's actor
//! and back costs beside the decision itself.
//!
//! `cargo bench --bench hot [-- NAME]`. On a machine that others use, only times of one run are to be
//! compared; `benches/instructions` is for what must not grow.

#[path = "../cases/mod.rs"]
mod cases;

mod round_trip;

use criterion::{Criterion, criterion_group, criterion_main};
use std::time::Duration;

fn parts(criterion: &mut Criterion) {
    for case in cases::all() {
        // Made when it is its turn, so that only one large organisation is in memory; and once, though
        // Criterion comes here again for each portion of the warming up: to make a million holders takes
        // longer than all that is measured of them.
        let mut prepared = None;
        criterion.bench_function(case.name, |bencher| {
            bencher.iter(prepared.get_or_insert_with(case.prepare));
        });
    }
}

fn configured() -> Criterion {
    let (warm_up, measured) = (Duration::from_millis(500), Duration::from_secs(2));
    Criterion::default().warm_up_time(warm_up).measurement_time(measured).sample_size(30)
}

criterion_group! { name = all; config = configured(); targets = parts, round_trip::compared }
criterion_main!(all);
