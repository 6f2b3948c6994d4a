//! Demand that could not be served.
