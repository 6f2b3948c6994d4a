//! Rows by licence type and time.
