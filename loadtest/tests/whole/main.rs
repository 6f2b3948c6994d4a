//! The tool as a whole, against a fake broker that keeps the contract or breaks it.

mod baseline;
mod compare;
mod mass_login;
mod reconnect;
mod support;
