//! How five-minute records and their metrics are written: JSON, and lines of CSV.

use super::body::Invalid;
use super::csv::Lines;
use super::words;
use crate::domain::catalogue::Catalogue;
use crate::domain::ids::OrganisationId;
use crate::domain::interval::INTERVAL;
use crate::store::reports::{IntervalRow, Metrics, MetricsRow};
use chrono_tz::Tz;
use serde::Serialize;
use std::sync::Arc;

/// The first six are the reference's; the rest follow them.
pub(super) const RECORD_COLUMNS: &[&str] = &[
    "Organisation ID",
    "Licence Type",
    "Start Date Time",
    "End Date Time",
    "Total Concurrent Count",
    "Total Contingency Count",
    "Concurrent Peak",
    "Concurrent Low",
    "Contingency Peak",
    "Contingency Low",
];

/// All of them whatever is asked for; cells of metrics that are not asked for are empty.
pub(super) const METRICS_COLUMNS: &[&str] = &[
    "Organisation ID",
    "Licence Type",
    "Start Date Time",
    "End Date Time",
    "Concurrent Average",
    "Concurrent Highest",
    "Concurrent Lowest",
    "Contingency Average",
    "Contingency Highest",
    "Contingency Lowest",
];

/// The shape `interval`.
#[derive(Serialize)]
pub(super) struct Interval {
    organisation: u64,
    licence: String,
    start: String,
    end: String,
    concurrent: u32,
    contingency: u32,
    concurrent_peak: u32,
    concurrent_low: u32,
    contingency_peak: u32,
    contingency_low: u32,
}

impl Interval {
    pub(super) fn new(organisation: OrganisationId, row: IntervalRow) -> Self {
        Self {
            organisation: organisation.get(),
            start: words::instant(row.start),
            end: words::instant(row.start + INTERVAL),
            licence: row.licence,
            concurrent: row.concurrent.count,
            contingency: row.contingency.count,
            concurrent_peak: row.concurrent.peak,
            concurrent_low: row.concurrent.low,
            contingency_peak: row.contingency.peak,
            contingency_low: row.contingency.low,
        }
    }
}

/// Which metrics are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    average: bool,
    highest: bool,
    lowest: bool,
}

impl Wanted {
    pub(super) const ALL: Self = Self { average: true, highest: true, lowest: true };

    /// A list of words, separated by commas.
    pub(super) fn read(list: &str) -> Result<Self, Invalid> {
        let mut wanted = Self { average: false, highest: false, lowest: false };
        for word in list.split(',') {
            match word.trim() {
                "avg" => wanted.average = true,
                "highest" => wanted.highest = true,
                "lowest" => wanted.lowest = true,
                _ => return Err(Invalid::new("metrics", "must be of: avg, highest, lowest")),
            }
        }
        Ok(wanted)
    }
}

/// The shape `metrics row`, with those metrics alone that were asked for.
#[derive(Serialize)]
pub(super) struct MetricsShape {
    licence: String,
    start: String,
    end: String,
    concurrent: MetricsOfPool,
    contingency: MetricsOfPool,
}

#[derive(Serialize)]
struct MetricsOfPool {
    #[serde(skip_serializing_if = "Option::is_none")]
    avg: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    highest: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lowest: Option<u32>,
}

impl MetricsShape {
    pub(super) fn new(row: &MetricsRow, wanted: Wanted) -> Self {
        let of_pool = |metrics: Metrics| MetricsOfPool {
            avg: wanted.average.then(|| words::hundredths(metrics.average_hundredths)),
            highest: wanted.highest.then_some(metrics.highest),
            lowest: wanted.lowest.then_some(metrics.lowest),
        };
        Self {
            licence: row.licence.clone(),
            start: words::instant(row.span.start),
            end: words::instant(row.span.end),
            concurrent: of_pool(row.concurrent),
            contingency: of_pool(row.contingency),
        }
    }
}

/// Writes a record as a line.
pub(super) fn record(lines: &mut Lines, organisation: OrganisationId, row: &IntervalRow) {
    lines.number(organisation.get());
    lines.licence(&row.licence);
    lines.time(row.start);
    lines.time(row.start + INTERVAL);
    let (concurrent, contingency) = (row.concurrent, row.contingency);
    lines.number(concurrent.count);
    lines.number(contingency.count);
    for number in [concurrent.peak, concurrent.low, contingency.peak, contingency.low] {
        lines.number(number);
    }
    lines.end_line();
}

/// What every line of metrics shares.
pub(super) struct Line {
    pub(super) organisation: OrganisationId,
    pub(super) zone: Tz,
    pub(super) catalogue: Arc<Catalogue>,
}

impl Line {
    pub(super) fn metrics(&self, row: &MetricsRow, wanted: Wanted) -> Vec<String> {
        let mut cells = vec![
            self.organisation.to_string(),
            words::name_of(&self.catalogue, &row.licence).to_owned(),
            words::local_instant(row.span.start, self.zone),
            words::local_instant(row.span.end, self.zone),
        ];
        for metrics in [row.concurrent, row.contingency] {
            let average = metrics.average_hundredths;
            let average = format!("{}.{:02}", average / 100, average % 100);
            let numbers = [
                (wanted.average, average),
                (wanted.highest, metrics.highest.to_string()),
                (wanted.lowest, metrics.lowest.to_string()),
            ];
            cells.extend(
                numbers.map(|(is_wanted, cell)| if is_wanted { cell } else { String::new() }),
            );
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue_file;
    use crate::domain::period::Span;
    use crate::store::reports::Figures;
    use chrono::{DateTime, Utc};
    use serde_json::{Value, json};

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    fn record() -> IntervalRow {
        IntervalRow {
            start: utc("2019-08-16T15:50:00Z"),
            licence: "agent_email".to_owned(),
            concurrent: Figures { count: 50, peak: 51, low: 48 },
            contingency: Figures { count: 5, peak: 6, low: 0 },
        }
    }

    fn metrics(wanted: &str) -> Value {
        let (start, end) = (utc("2019-08-16T15:00:00Z"), utc("2019-08-16T16:00:00Z"));
        let row = MetricsRow {
            span: Span { start, end },
            licence: "agent_email".to_owned(),
            concurrent: Metrics::new(12, 578, 51, 40),
            contingency: Metrics::new(3, 3, 6, 0),
        };
        let shape = MetricsShape::new(&row, Wanted::read(wanted).expect("metrics"));
        serde_json::to_value(shape).expect("JSON")
    }

    #[test]
    fn a_record_has_the_shape_of_the_contract() {
        let organisation = OrganisationId::new(129).expect("a number");
        let shape = serde_json::to_value(Interval::new(organisation, record())).expect("JSON");
        let expected = json!({"organisation": 129, "licence": "agent_email",
            "start": "2019-08-16T15:50:00.000Z", "end": "2019-08-16T15:55:00.000Z",
            "concurrent": 50, "contingency": 5, "concurrent_peak": 51, "concurrent_low": 48,
            "contingency_peak": 6, "contingency_low": 0});
        assert_eq!(shape, expected);
    }

    #[test]
    fn metrics_have_what_was_asked_for_and_averages_two_decimals() {
        let all = metrics("avg,highest,lowest");
        // 578 / 12 = 48.1666…
        let concurrent = json!({"avg": 48.17, "highest": 51, "lowest": 40});
        assert_eq!(all["concurrent"], concurrent);
        assert_eq!(all["contingency"], json!({"avg": 1.0, "highest": 6, "lowest": 0}));
        assert_eq!(metrics("lowest")["concurrent"], json!({"lowest": 40}));
        assert_eq!(Metrics::new(200, 1, 1, 0).average_hundredths, 1, "half of one is rounded up");
        assert_eq!(Metrics::new(201, 1, 1, 0).average_hundredths, 0);
    }

    #[test]
    fn a_line_begins_as_the_reference_has_it() {
        let organisation = OrganisationId::new(129).expect("a number");
        let (zone, catalogue) = (chrono_tz::Europe::London, catalogue_file::built_in());
        let mut lines = Lines::new(zone, catalogue);
        super::record(&mut lines, organisation, &record());
        let line = "129,Agent E-mail,2019-08-16 16:50:00,2019-08-16 16:55:00,50,5,51,48,6,0\r\n";
        assert_eq!(lines.into_text(), line.as_bytes());
        assert_eq!(line.split(',').count(), RECORD_COLUMNS.len());
    }
}
