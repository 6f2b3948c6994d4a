//! Figures, latencies, outcomes and the audit as tables.

use maud::{Markup, html};

use crate::audit::{PoolPeak, Verdict};
use crate::results::{Better, Figure, Results};

/// Pools that stand open on the page; with more of them the table is folded.
const POOLS_SHOWN_MAX: usize = 12;

pub(super) fn figures(results: &Results) -> Markup {
    html! {
        table {
            thead { tr { th { "figure" } th.number { "value" } th { "better" } } }
            tbody {
                @for (name, Figure { value, better }) in &results.figures {
                    tr { td { (name) } td.number { (number(*value)) } td { (direction(*better)) } }
                }
            }
        }
    }
}

fn direction(better: Better) -> &'static str {
    match better {
        Better::Lower => "lower",
        Better::Higher => "higher",
        Better::Neither => "",
    }
}

pub(super) fn latencies(results: &Results) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th { "until" }
                    @for name in ["count", "p50", "p90", "p99", "p99.9", "max"] { th.number { (name) } }
                }
            }
            tbody {
                @for (name, latency) in &results.latency_ms {
                    @let row = &latency.percentiles;
                    tr {
                        td { (name) }
                        td.number { (row.count) }
                        @for value in [row.p50, row.p90, row.p99, row.p99_9, row.max] {
                            td.number { (number(value)) }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn outcomes(results: &Results) -> Markup {
    html! {
        table {
            thead { tr { th { "kind" } th { "what" } th.number { "times" } } }
            tbody {
                @for (kind, words) in &results.outcomes {
                    @for (word, times) in &words.0 {
                        tr { td { (kind) } td { (word) } td.number { (times) } }
                    }
                }
            }
        }
    }
}

pub(super) fn audit(results: &Results) -> Markup {
    let Some(audit) = &results.audit else {
        return html! { p { "The profile judges by itself, turn by turn; what it found amiss stands among the failures." } };
    };
    let Verdict { holds, proven, pools, violations } = audit;
    let pools: Vec<_> =
        pools.iter().filter(|pool| pool.bought > 0 || pool.peak_holders > 0).collect();
    html! {
        p {
            (holds) " holds seen, " (proven) " of them proven; "
            @if violations.is_empty() { "no more users than were bought ever held a licence." }
            @else { (violations.len()) " violations." }
        }
        @if !violations.is_empty() {
            ul.failures { @for violation in violations { li { (violation) } } }
        }
        details open[pools.len() <= POOLS_SHOWN_MAX] {
            summary { (pools.len()) " pools" }
            table {
                thead {
                    tr {
                        th { "organisation" } th { "licence" }
                        th.number { "bought" } th.number { "most holders" }
                    }
                }
                tbody { @for pool in pools { (of_pool(pool)) } }
            }
        }
    }
}

fn of_pool(pool: &PoolPeak) -> Markup {
    let PoolPeak { organisation, licence, bought, peak_holders } = pool;
    html! {
        tr {
            td { (organisation) } td { (licence) }
            td.number { (bought) } td.number { (peak_holders) }
        }
    }
}

/// As people read it; the element keeps every digit.
fn number(value: f64) -> Markup {
    let shown = if value.abs() >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.3}") };
    html! { data value=(value) { (shown) } }
}
