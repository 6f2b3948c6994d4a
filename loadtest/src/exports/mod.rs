//! Reports beside logins: what an export of a large log costs those who log in meanwhile.

pub(crate) mod report;
