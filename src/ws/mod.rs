//! WebSockets: upgrade, sessions of devices, wallboards, and the same counts as server-sent events.
//!
//! | file | what it holds |
//! |---|---|
//! | [`upgrade`] | what is judged before there is a socket |
//! | `turnstile` | in which order upgrades are served when many come at once |
//! | [`origin`] | which pages may connect |
//! | [`session`] | the session actor, alike for devices and wallboards; the only user of actix-web-actors |
//! | [`device`] | a device: unidentified, deciding, identified |
//! | `resolved` | what comes to a device from its organisation |
//! | `admitted` | whether a login is let in now |
//! | `answers` | what an identified device is told |
//! | [`wallboard`] | a subscriber of live counts |
//! | [`events`] | the same counts for `curl` |
//! | `following` | what one subscriber follows and has been sent |
//! | `fan_out` | sends what is new to all subscribers of an organisation |
//! | `written` | a message that is written once for all |
//! | [`frames`] | what is refused by the header of a frame |
//! | [`inbox`] | frames that were received and not yet served; back-pressure |
//! | [`attachment`] | a session's hold on its organisation, and the goodbye that nothing can prevent |
//! | [`token`] | judging the token of a first message |
//! | `refresh` | a fresh token for a connection that goes on |
//! | `sent_away` | where a connection goes that another node is to serve |
//! | [`pulse`] | what is done for every socket several times in each heartbeat |
//! | [`tcp`] | options and state of accepted sockets |

mod admitted;
mod answers;
pub mod attachment;
pub mod device;
pub mod events;
mod fan_out;
mod following;
pub mod frames;
pub mod inbox;
pub mod origin;
pub mod pulse;
mod refresh;
mod resolved;
mod resume_token;
mod sent_away;
pub mod session;
pub mod tcp;
pub mod token;
mod turnstile;
pub mod upgrade;
pub mod wallboard;
mod written;
