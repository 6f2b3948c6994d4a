//! The results as one page of HTML that needs nothing else: no script, no font, no picture from elsewhere.
//!
//! | file | what it holds |
//! |---|---|
//! | here | the page from top to bottom |
//! | `tables` | figures, latencies, outcomes, audit |
//! | `charts` | which series stand together, and the percentile curve |
//! | `chart` | one chart as SVG |
//! | `ticks` | round numbers along an axis |
//! | `page.css` | light and dark |

mod chart;
mod charts;
mod tables;
mod ticks;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::results::Results;

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(crate) fn page(results: &Results) -> String {
    let profile = &results.profile;
    let verdict = if results.passed { "passed" } else { "failed" };
    let body = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "loadtest " (profile) ": " (verdict) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "loadtest " (profile) " " span.verdict.(verdict) { (verdict) } }
                    (about(results))
                }
                main {
                    (failures(results))
                    (section("Figures", &tables::figures(results)))
                    (section("Latency, ms", &html! {
                        (tables::latencies(results)) (charts::percentiles(results))
                    }))
                    @if !results.series.is_empty() {
                        (section("Over time", &charts::over_time(results)))
                    }
                    @if !results.outcomes.is_empty() {
                        (section("Outcomes", &tables::outcomes(results)))
                    }
                    (section("Audit", &tables::audit(results)))
                }
            }
        }
    };
    body.into_string()
}

/// On what, and with which options.
fn about(results: &Results) -> Markup {
    let machine = &results.machine;
    let memory_gib = machine.memory_bytes >> 30;
    html! {
        p.about {
            (machine.processors) " processors (" (machine.processor) "), " (memory_gib) " GiB, kernel "
            (machine.kernel) ", load average at the end " (machine.load_average)
        }
        p.about {
            @for (name, value) in &results.options { code { "--" (name) " " (value) } " " }
        }
    }
}

fn failures(results: &Results) -> Markup {
    html! {
        @if !results.failures.is_empty() {
            section.failures {
                h2 { "Why it failed" }
                ul { @for failure in &results.failures { li { (failure) } } }
            }
        }
    }
}

fn section(title: &str, content: &Markup) -> Markup {
    html! { section { h2 { (title) } (content) } }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;
    use crate::audit::{PoolPeak, Verdict};
    use crate::results::latency::Latency;
    use crate::results::{Better, Series};
    use crate::tally::Words;

    fn results() -> Results {
        let mut results = Results::of("mass-login");
        results.option("url", &"http://<script>");
        results.figure("broker_cpu_s", 1.25, Better::Lower);
        let mut latency = Histogram::new_with_bounds(1, 1_000_000, 3).expect("bounds");
        (1..=500).for_each(|ms| latency.saturating_record(ms * 1_000));
        results.latency_ms.insert("licence".to_owned(), Latency::of(&latency));
        let points = vec![(0.0, 0.0), (0.5, 120.0), (1.0, 80.0)];
        let series = Series { unit: "1/s".to_owned(), over: "s".to_owned(), points };
        results.series.insert("logins_per_s".to_owned(), series);
        let mut refused = Words::default();
        refused.put("seat_exhausted", 17);
        results.outcome("refused", &refused);
        let pool = PoolPeak {
            organisation: 9001,
            licence: "agent_sms".to_owned(),
            bought: 40,
            peak_holders: 39,
        };
        let audit = Verdict { holds: 91, proven: 87, pools: vec![pool], violations: vec![] };
        results.audit = Some(audit);
        results.failures.push("3 logins were not decided".to_owned());
        results
    }

    #[test]
    fn every_figure_of_the_json_stands_on_the_page() {
        let results = results();
        let page = page(&results);
        let latency = &results.latency_ms["licence"].percentiles;
        let mut figures = vec![latency.p50, latency.p90, latency.p99, latency.p99_9, latency.max];
        figures.extend(results.figures.values().map(|figure| figure.value));
        for value in figures {
            assert!(page.contains(&format!("<data value=\"{value}\">")), "{value}");
        }
        let words =
            ["broker_cpu_s", "500", "seat_exhausted", "17", "agent_sms", "40", "39", "91", "87"];
        for word in words.into_iter().chain(["3 logins were not decided", "failed"]) {
            assert!(page.contains(word), "{word}");
        }
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_runs_nothing() {
        let page = page(&results());
        for foreign in ["<script", "<link", "src=", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(page.contains("&lt;script&gt;") && page.contains("<svg"), "{page}");
    }

    #[test]
    fn results_with_nothing_in_them_are_a_page_too() {
        let page = page(&Results::of("day"));
        assert!(page.contains("loadtest day") && !page.contains("NaN"), "{page}");
        assert!(
            !page.contains("Over time") && !page.contains("Outcomes"),
            "no empty parts: {page}"
        );
    }
}
