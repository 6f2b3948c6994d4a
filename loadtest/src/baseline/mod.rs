//! The floor: what a connection costs on this stack before anything is done with it.
//!
//! | file | what it holds |
//! |---|---|
//! | `options` | the command line |
//! | `echo` | the bare server |
//! | `echo_process` | that server in a process of its own, so that its processor time and memory are too |
//! | `crowd` | the client, the same for both servers: connects, says one thing, awaits the answer |
//! | `turn` | one server, one crowd, and what it cost |
//! | `report` | all turns, their medians, and the ratios |

pub(crate) mod crowd;
pub(crate) mod echo;
pub(crate) mod echo_process;
pub(crate) mod options;
pub(crate) mod report;
pub(crate) mod turn;
