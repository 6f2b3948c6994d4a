//! Licence Broker.
fn main() {}
