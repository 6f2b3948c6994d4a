//! The console's pages for administrators, in both languages: users, metrics, billing, audit.

mod access;
mod accounts;
mod audit;
mod billing;
mod conflict;
mod import;
mod metrics;
mod office;
mod users;
