//! Which series stand together in one chart, and the curve of percentiles.

use maud::{Markup, html};

use super::chart::{Chart, Line};
use super::ticks;
use crate::results::{Results, Series};

/// Series that are worth comparing at each moment; every other one has a chart of its own.
const TOGETHER: [(&str, &[&str]); 2] = [
    ("arrivals and logins", &["arrivals_per_s", "logins_per_s"]),
    ("echo and login", &["echo_cpu_us", "login_cpu_us"]),
];
/// Percentiles that have a mark.
const MARKS: [f64; 7] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999];

/// Every series over its time.
pub(super) fn over_time(results: &Results) -> Markup {
    let is_together =
        |name: &&String| TOGETHER.iter().any(|(_, names)| names.contains(&name.as_str()));
    let alone = results.series.keys().filter(|name| !is_together(name));
    html! {
        div.charts {
            @for (title, names) in TOGETHER { (of_series(results, title, names)) }
            @for name in alone { (of_series(results, name, &[name])) }
        }
    }
}

fn of_series(results: &Results, title: &str, names: &[&str]) -> Markup {
    let found: Vec<(&str, &Series)> =
        names.iter().filter_map(|name| Some((*name, results.series.get(*name)?))).collect();
    let Some((_, first)) = found.first() else { return html! {} };
    let places = found.iter().flat_map(|(_, series)| &series.points).map(|(at, _)| *at);
    let marks = ticks::round(places.fold(0.0, f64::max));
    let label = |at| format!("{} {}", ticks::label(at), first.over);
    let marks = marks.into_iter().map(|at| (at, label(at))).collect();
    let line = |(name, series): &(&'_ str, &Series)| (name.to_string(), series.points.clone());
    let lines: Vec<_> = found.iter().map(line).collect();
    let lines = lines.iter().map(|(name, points)| Line { name, points: points.clone() }).collect();
    Chart { title, unit: &first.unit, lines, marks }.draw()
}

/// Latency by percentile, the axis finer towards the slowest: each mark has a tenth of the logins to its
/// right that the mark before has.
pub(super) fn percentiles(results: &Results) -> Markup {
    let mut lines = Vec::new();
    let mut slowest = place(50.0);
    for (name, latency) in &results.latency_ms {
        let below_all = latency.curve.iter().filter(|(percentile, _)| *percentile < 100.0);
        let points: Vec<_> = below_all.map(|(percentile, ms)| (place(*percentile), *ms)).collect();
        if let Some((last, _)) = points.last() {
            slowest = slowest.max(*last);
            lines.push(Line { name, points });
        }
    }
    if lines.is_empty() {
        return html! {};
    }
    let mut marks: Vec<_> = MARKS
        .into_iter()
        .filter(|percentile| place(*percentile) <= slowest)
        .map(|percentile| (place(percentile), format!("{percentile} %")))
        .collect();
    if marks.last().is_some_and(|(last, _)| slowest - last > 0.0) {
        marks.push((slowest, String::new()));
    }
    let chart = Chart { title: "latency by percentile", unit: "ms", lines, marks };
    html! { div.charts.wide { (chart.draw()) } }
}

/// Where a percentile stands on the axis.
fn place(percentile: f64) -> f64 {
    -(1.0 - percentile / 100.0).max(1e-9).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_nine_is_as_far_from_the_next() {
        assert!((place(90.0) - place(0.0) - 1.0).abs() < 1e-9);
        assert!((place(99.9) - place(99.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn arrivals_stand_beside_logins_and_a_series_of_tomorrow_has_its_own_chart() {
        let mut results = Results::of("day");
        let series = || Series {
            unit: "1/s".to_owned(),
            over: "s".to_owned(),
            points: vec![(0.0, 1.0), (1.0, 2.0)],
        };
        for name in ["arrivals_per_s", "logins_per_s", "of_tomorrow"] {
            results.series.insert(name.to_owned(), series());
        }
        let drawn = over_time(&results).into_string();
        assert_eq!(drawn.matches("<svg").count(), 2, "{drawn}");
        assert_eq!(drawn.matches("<polyline").count(), 3, "{drawn}");
    }
}
