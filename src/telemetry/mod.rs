//! The log and the metrics: how they are set up, and the one spelling of their names.
//!
//! | file | what it holds |
//! |---|---|
//! | [`field`] | the fields of log lines |
//! | `log` | how the log is set up |
//! | [`series`] | the table of every series |
//! | `recorder` | where values go, and how they are read |
//! | [`process`] | what the process takes of its machine, and how many actors live |
//! | [`request`] | the id of the HTTP request that is being served |
//! | `count` | what the layers call when something happens |
//! | `events` | counts what decisions change |
//! | `met` | handles that a thread looked up before |

mod count;
mod events;
pub mod field;
mod log;
mod met;
pub mod process;
mod recorder;
pub mod request;
pub mod series;

pub use count::{
    LiveKind, Present, count_bound, count_close, count_conflated, count_decision, count_frame,
    count_http, count_lease_lost, count_login, count_pruned, count_reload, count_resume,
    count_sign_in, count_store_error, count_sweep, count_takeover, count_tls_handshake,
    count_tls_reload, exact, note_certificate_expiry, present_on, record_commit, record_login,
    set_extent, subscribed_by,
};
pub use events::EventCounters;
pub use log::start_log;
pub use recorder::{install_metrics, rendered};
pub use series::*;
