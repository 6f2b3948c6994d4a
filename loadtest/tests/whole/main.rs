//! The tool as a whole, against a fake broker that keeps the contract or breaks it.

mod mass_login;
mod reconnect;
mod support;
mod wallboards;
