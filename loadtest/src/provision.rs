//! Makes the organisations, what they bought, their agents and the agents' tokens; looks at what
//! is held; removes it all again.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::header::HeaderValue;
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::api::{Api, LicenceRow, TokenWanted, bearer};
use crate::limits::{RELEASE_POLL, TEAR_DOWN_WAIT, TOKENS_PER_CALL, USERS_PER_IMPORT};
use crate::population::{Organisation, Population, user_name};

/// An organisation that is ready for logins.
pub(crate) struct Ready {
    pub(crate) number: u64,
    /// Login name, and `Bearer` with the device token.
    pub(crate) agents: Vec<(Arc<str>, HeaderValue)>,
    /// What the broker says was bought.
    pub(crate) licences: Vec<LicenceRow>,
}

/// What the broker showed after everybody had left.
#[derive(Debug, Serialize)]
pub(crate) struct Afterwards {
    /// Until nothing was held, or until the wait was given up.
    pub(crate) waited_s: f64,
    pub(crate) waited_at_most_s: u64,
    /// What was still held then.
    pub(crate) held: Vec<Held>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Held {
    pub(crate) organisation: u64,
    pub(crate) licence: String,
    pub(crate) holders: u64,
}

impl Display for Held {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { organisation, licence, holders } = self;
        write!(
            out,
            "organisation {organisation}: {licence} still held by {holders} after everybody left"
        )
    }
}

/// Sets everything up; `created` grows by each organisation as soon as it is there, so that the
/// caller can remove it whatever happens later. Tokens live `token_ttl`.
///
/// # Errors
///
/// The first call that failed.
pub(crate) async fn set_up(
    api: &Api<'_>,
    population: &Population,
    token_ttl: Duration,
    created: &mut Vec<u64>,
) -> Result<Vec<Ready>> {
    let mut ready = Vec::with_capacity(population.organisations.len());
    for organisation in &population.organisations {
        api.create_organisation(organisation.number).await?;
        created.push(organisation.number);
        buy(api, organisation).await?;
        let users: Vec<Arc<str>> =
            (0..organisation.agents).map(|index| user_name(index).into()).collect();
        import(api, population, organisation.number, &users).await?;
        let agents = with_tokens(api, organisation.number, &users, token_ttl).await?;
        let licences = api.licences(organisation.number).await?;
        ready.push(Ready { number: organisation.number, agents, licences });
    }
    Ok(ready)
}

async fn buy(api: &Api<'_>, organisation: &Organisation) -> Result<()> {
    for purchase in &organisation.purchases {
        let bought = json!({
            "base": purchase.base, "concurrent": purchase.concurrent,
            "contingency": purchase.contingency, "fixed": 0,
        });
        api.put_licence(organisation.number, purchase.licence, &bought).await?;
    }
    Ok(())
}

async fn import(
    api: &Api<'_>,
    population: &Population,
    organisation: u64,
    users: &[Arc<str>],
) -> Result<()> {
    for batch in users.chunks(USERS_PER_IMPORT) {
        let mut lines = String::new();
        for user in batch {
            let line = json!({
                "user": **user, "name": format!("Load test {user}"), "status": "active",
                "user_type": population.user_type, "features": population.features,
            });
            writeln!(lines, "{line}")?;
        }
        api.import_users(organisation, lines, batch.len()).await?;
    }
    Ok(())
}

async fn with_tokens(
    api: &Api<'_>,
    organisation: u64,
    users: &[Arc<str>],
    ttl: Duration,
) -> Result<Vec<(Arc<str>, HeaderValue)>> {
    let mut agents = Vec::with_capacity(users.len());
    for batch in users.chunks(TOKENS_PER_CALL) {
        let want =
            |sub| TokenWanted { sub, org: organisation, role: "device", ttl_s: ttl.as_secs() };
        let wanted: Vec<_> = batch.iter().map(|user| want(&**user)).collect();
        let issued = api.issue_tokens(&wanted).await?;
        let tokens: HashMap<_, _> = issued.into_iter().map(|item| (item.sub, item.token)).collect();
        for user in batch {
            let token = tokens.get(&**user);
            let token = token.with_context(|| format!("POST /v1/tokens: none came for {user}"))?;
            agents.push((Arc::clone(user), bearer(token)?));
        }
    }
    Ok(agents)
}

/// Looks until nothing is held in any of the organisations; gives up after `at_most_s` seconds.
///
/// # Errors
///
/// Where the broker does not show what is held.
pub(crate) async fn until_released(
    api: &Api<'_>,
    organisations: &[u64],
    at_most_s: u64,
) -> Result<Afterwards> {
    let start = Instant::now();
    loop {
        let held = held(api, organisations).await?;
        let waited = start.elapsed();
        if held.is_empty() || waited.as_secs() >= at_most_s {
            let waited_s = waited.as_secs_f64();
            return Ok(Afterwards { waited_s, waited_at_most_s: at_most_s, held });
        }
        sleep(RELEASE_POLL).await;
    }
}

async fn held(api: &Api<'_>, organisations: &[u64]) -> Result<Vec<Held>> {
    let mut held = Vec::new();
    for &organisation in organisations {
        for row in api.licences(organisation).await?.iter().filter(|row| row.is_concurrent()) {
            let holders = row.concurrent.used + row.contingency.used + row.over_allocated;
            if holders > 0 {
                held.push(Held { organisation, licence: row.licence.clone(), holders });
            }
        }
    }
    Ok(held)
}

/// Removes what the run created, two minutes at most; gives back what went wrong, in words.
pub(crate) async fn tear_down(api: &Api<'_>, created: &[u64]) -> Vec<String> {
    let deadline = Instant::now() + TEAR_DOWN_WAIT;
    let mut problems = Vec::new();
    for &number in created {
        let left = deadline.saturating_duration_since(Instant::now());
        match timeout(left, api.delete_organisation(number)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => problems.push(format!("organisation {number} remains: {error:#}")),
            Err(_) => problems.push(format!("organisation {number} remains: no time was left")),
        }
    }
    problems
}

/// Agents in the order in which they come: organisations take turns.
pub(crate) fn in_turn(
    organisations: &[Ready],
) -> impl Iterator<Item = (&Ready, &Arc<str>, &HeaderValue)> {
    let most = organisations.iter().map(|o| o.agents.len()).max().unwrap_or(0);
    let of_index = move |index| {
        organisations.iter().filter_map(move |organisation| {
            let (user, authorization) = organisation.agents.get(index)?;
            Some((organisation, user, authorization))
        })
    };
    (0..most).flat_map(of_index)
}

impl LicenceRow {
    /// Whether holders are counted against what was bought.
    pub(crate) fn is_concurrent(&self) -> bool {
        self.model == "concurrent"
    }

    /// How many holders there may be; `None`: they are not counted.
    pub(crate) fn holders_max(&self) -> Option<u64> {
        self.is_concurrent().then(|| self.concurrent.total + self.contingency.total)
    }
}
