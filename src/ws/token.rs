//! Judging who a connection speaks for, from the upgrade's token or the first message's.

use crate::auth::{Claims, Role};
use crate::broker::Broker;
use crate::domain::ids::OrganisationId;
use crate::protocol::close::Close;

/// Who may open which kind of socket (SPEC §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Log a device in, as the token's own user.
    Session,
    /// Follow live counts.
    Live,
}

impl Purpose {
    /// Whether a role may do this.
    pub fn permits(self, role: Role) -> bool {
        match (self, role) {
            (_, Role::Operator | Role::Admin)
            | (Self::Session, Role::Device)
            | (Self::Live, Role::Wallboard | Role::Supervisor) => true,
            (Self::Session, Role::Wallboard | Role::Supervisor) | (Self::Live, Role::Device) => {
                false
            }
        }
    }
}

/// Whether claims are good for an organisation: their own, or any for an operator.
pub fn is_for(claims: &Claims, organisation: OrganisationId) -> bool {
    claims.role == Role::Operator || claims.organisation == Some(organisation)
}

/// Whether a fresh token speaks for the same bearer: `refresh` keeps user, organisation and role.
pub fn is_same_bearer(fresh: &Claims, before: &Claims) -> bool {
    fresh.subject == before.subject
        && fresh.organisation == before.organisation
        && fresh.role == before.role
}

/// Judges the first message's token, or what the upgrade's said if the message brings none.
///
/// # Errors
/// The close code with which the connection ends.
pub fn judge(
    broker: &Broker,
    organisation: OrganisationId,
    purpose: Purpose,
    of_upgrade: Option<&Claims>,
    token: Option<&str>,
) -> Result<Claims, Close> {
    let now = broker.clock.now().at;
    let claims = match (token, of_upgrade) {
        (Some(token), _) => {
            broker.authenticator.judge(token, now).map_err(|_| Close::UNAUTHORISED)?
        }
        (None, Some(claims)) if claims.expires_at > now => claims.clone(),
        (None, _) => return Err(Close::UNAUTHORISED),
    };
    if !is_for(&claims, organisation) || !broker.directory.exists(organisation) {
        return Err(Close::UNAUTHORISED);
    }
    if !purpose.permits(claims.role) {
        return Err(Close::FORBIDDEN);
    }
    Ok(claims)
}
