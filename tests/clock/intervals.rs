//! What the five-minute figures must be like, whatever the clock did.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// None missed between the first and the last, none doubled, each of five minutes on the wall clock.
pub fn assert_seamless(rows: &[Value]) -> usize {
    let starts: Vec<_> = rows.iter().map(|row| (at(row, "start"), at(row, "end"))).collect();
    for (start, end) in &starts {
        assert_eq!(*end - *start, TimeDelta::minutes(5), "of {start}");
        assert_eq!(start.timestamp() % 300, 0, "{start} is on the clock");
    }
    for pair in starts.windows(2) {
        assert_eq!(pair[0].1, pair[1].0, "one interval follows the other");
    }
    starts.len()
}

fn at(row: &Value, field: &str) -> DateTime<Utc> {
    row[field].as_str().unwrap().parse().unwrap()
}
