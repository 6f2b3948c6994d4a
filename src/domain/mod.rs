//! The rules of the contract, and nothing else.
//!
//! No actor, no async, no serialisation, no clock and no input or output: a command and the moment at
//! which it is decided go in, an answer, the events to be kept and the notices to be sent come out.
//! Everything here may be tested without a runtime.
//!
//! | file | what it holds |
//! |---|---|
//! | [`ids`] | identifiers and sets of licence types |
//! | [`catalogue`] | which licence types exist and on which devices a login acquires them |
//! | [`reason`] | every closed vocabulary: refusals, denials, releases, logon sources |
//! | [`lookup`] | maps that are only looked into |
//! | [`moment`] | time as an argument, months and times of day in the organisation's zone |
//! | [`pool`] | the numbers of one licence type and the arithmetic of overflow |
//! | [`user`] | named users and what is known of them at this instant |
//! | [`secret`] | what must not be told: not printed, compared in constant time |
//! | [`session`] | one logged-in device |
//! | [`event`] | what a decision changed |
//! | [`organisation`] | the state, and the one way to change it |
//! | [`admission`] | login and acquire: what is granted, denied, queued |
//! | [`bounded_login`] | a login within the bound on an organisation's sessions |
//! | [`release`] | the one way out: logout, loss, takeover, force, schedule |
//! | [`waiting`] | queues for exhausted features |
//! | [`resume`] | grace, resume, and finding one's sockets again after a restart |
//! | [`provisioning`] | users, and what their change does to running sessions |
//! | [`purchases`] | what was bought, and what its change does to holders and queues |
//! | `staging` | changes of users that are tried before they are made |
//! | [`sync`] | features that a list from the PBX assigns |
//! | [`settings`] | the organisation itself |
//! | [`base`] | base licences and their 90 days |
//! | [`activity`] | who was active this month |
//! | [`interval`] | the five-minute figures |
//! | [`billing`] | the month: what was bought, and the most contingency used |
//! | [`period`] | hours and days as clocks in a zone show them |
//! | [`advice`] | what should have been bought |
//! | [`wallboards`] | configured wallboards and their number |
//! | [`audit`] | administrative changes and their authors |
//! | [`view`] | the present, for pages and wallboards |

pub mod activity;
pub mod admission;
pub mod advice;
pub mod audit;
pub mod base;
pub mod billing;
pub mod bounded_login;
pub mod catalogue;
pub mod event;
pub mod ids;
pub mod interval;
pub mod lookup;
pub mod moment;
pub mod organisation;
pub mod overflow;
pub mod period;
pub mod pool;
pub mod provisioning;
pub mod purchases;
pub mod reason;
pub mod release;
pub mod resume;
pub mod secret;
pub mod session;
pub mod settings;
mod staging;
pub mod sync;
pub mod user;
pub mod view;
pub mod waiting;
pub mod wallboards;
