//! The tool as a whole, against a fake broker that keeps the contract or breaks it.

mod baseline;
mod compare;
mod day;
mod elsewhere;
mod mass_login;
mod reconnect_storm;
mod set_up;
mod storm_beside;
mod support;
mod wallboards;
