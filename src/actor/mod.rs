//! Who serialises, who commits, who is where.
//!
//! | file | what it holds |
//! |---|---|
//! | [`directory`] | which organisations there are; starts their actors, and starts them again |
//! | [`cell`] | what of an organisation outlives its actor |
//! | [`organisation`] | the actor: decide, persist, dispatch |
//! | [`pipeline`] | what was decided and is not durable yet |
//! | [`journal`] | one commit for all that wait |
//! | [`link`] | the connections of an organisation, as they outlive its actor |
//! | [`live`] | the latest counts, for any number of wallboards |
//! | `untold` | notices that a commit took with it |
//! | [`reply`] | an answer that is always given |

pub mod cell;
pub mod directory;
pub mod journal;
pub mod link;
pub mod live;
pub mod organisation;
mod organisation_ref;
mod pipeline;
pub mod reply;
mod untold;
