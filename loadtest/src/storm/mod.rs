//! One organisation in a storm beside many calm ones.
//!
//! | file | what it holds |
//! |---|---|
//! | `options` | the command line |
//! | `side` | a server with its calm agents, turn by turn |
//! | `crowd` | the storm, in a process of its own |
//! | `crowd_process` | that process, as the run sees it |
//! | `messages` | what the two tell each other |
//! | `floor` | what came of the same at a bare server |

pub(crate) mod crowd;
pub(crate) mod crowd_process;
pub(crate) mod floor;
pub(crate) mod messages;
pub(crate) mod options;
pub(crate) mod side;
