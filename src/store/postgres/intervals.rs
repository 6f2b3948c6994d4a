//! Five-minute records.
