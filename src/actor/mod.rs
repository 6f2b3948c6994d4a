//! Who serialises, who commits, who is where.
//!
//! | file | what it holds |
//! |---|---|
//! | [`directory`] | which organisations there are; starts their actors, and starts them again |
//! | [`cell`] | what of an organisation outlives its actor |
//! | [`organisation`] | the actor: decide, persist, dispatch |
//! | `organisation/tenancy` | how it comes by its organisation where nodes share a store, and gives it up |
//! | `claim` | whether an organisation is this node's to decide for |
//! | `directory/estate` | where organisations are, and what this node takes on and gives away |
//! | [`admission`] | whether a login that comes now can be served soon |
//! | [`pipeline`] | what was decided and is not durable yet |
//! | `directory/census` | what can be read of all at once, without asking any actor |
//! | `directory/recovery` | what was open is settled before logins are taken |
//! | [`gauges`] | what of an organisation can be read without asking its actor |
//! | [`journal`] | one commit for all that wait |
//! | `company` | which organisations have left something to be committed lately |
//! | [`store_health`] | whether the store takes what is decided |
//! | [`link`] | the connections of an organisation, as they outlive its actor |
//! | [`live`] | the latest counts, for any number of wallboards |
//! | `untold` | notices that a commit took with it |
//! | [`store_health`] | whether the store takes what is decided |
//! | `unsettled` | why a start failed |
//! | [`reply`] | an answer that is always given |

pub mod admission;
pub mod cell;
mod claim;
mod company;
pub mod directory;
pub mod gauges;
pub mod journal;
pub mod link;
pub mod live;
pub mod organisation;
mod organisation_ref;
mod pipeline;
pub mod reply;
pub mod store_health;
mod unsettled;
mod untold;
