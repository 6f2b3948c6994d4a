//! Custom reports.
