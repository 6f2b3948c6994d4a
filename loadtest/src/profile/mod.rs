//! The kinds of load test, a file for each.

pub(crate) mod churn;
pub(crate) mod mass_login;
pub(crate) mod reconnect;
