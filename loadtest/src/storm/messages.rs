//! What a run and the process of its storm tell each other: a line of JSON each, on standard input and
//! output. After the plan each empty line asks for a storm, and the end of the input for what was seen.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::audit::Verdict;
use crate::baseline::turn::Server;
use crate::conversation::Caller;
use crate::provision::Ready;
use crate::sampler::Counts;
use crate::tally::Words;
use crate::visit::counted::Counted;

/// Who comes to which server. It is told, not passed as an argument: tokens are nobody else's business.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) url: String,
    pub(crate) server: Server,
    pub(crate) organisation: u64,
    /// Licence types that are counted, and how many holders each may have; `None`: a type that is not.
    pub(crate) bought: Vec<(String, Option<u64>)>,
    pub(crate) agents: Vec<Agent>,
    /// Seconds from the storm's begin until everybody leaves.
    pub(crate) stay_s: f64,
    pub(crate) answer_timeout_s: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Agent {
    pub(crate) user: String,
    /// `Bearer` and the user's token.
    pub(crate) authorization: String,
    pub(crate) source: Option<Ipv4Addr>,
}

/// What the storm's process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    /// It has read the plan.
    Ready,
    /// Several times a second in a storm, and before each of the following; of all storms so far.
    Counts(Counts),
    /// Every login of the storm is decided.
    Decided,
    /// All have left.
    Left,
    /// The last of all.
    Seen(Box<Seen>),
}

/// What came of all storms.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) counted: Counted,
    pub(crate) faults: Words,
    pub(crate) audit: Verdict,
}

impl Plan {
    /// The same at the bare server that is there.
    pub(crate) fn at_bare_server(&self, url: String) -> Self {
        Self { url, server: Server::Bare, ..self.clone() }
    }
}

impl Agent {
    /// # Errors
    ///
    /// Where the token is no text.
    pub(crate) fn of(caller: &Caller) -> Result<Self> {
        let authorization = caller.authorization.to_str().context("a token that is no text")?;
        Ok(Self {
            user: caller.user.to_string(),
            authorization: authorization.to_owned(),
            source: caller.source,
        })
    }
}

/// What an organisation bought, as a plan says it.
pub(crate) fn bought(organisation: &Ready) -> Vec<(String, Option<u64>)> {
    let rows = organisation.licences.iter();
    rows.map(|row| (row.licence.clone(), row.holders_max())).collect()
}
