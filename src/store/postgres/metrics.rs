//! Metrics over five-minute records.
