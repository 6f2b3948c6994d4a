//! Whether a login is let in now.

use crate::actor::admission::QueuePlace;
use crate::actor::directory::OrganisationRef;
use crate::broker::Broker;
use crate::limits::bound::Bound;
use crate::protocol::close::Close;
use crate::telemetry;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// A login's share of what may be under way at once; given back when it is answered.
pub(super) struct Admitted {
    _permit: OwnedSemaphorePermit,
    _place: QueuePlace,
}

impl Admitted {
    /// Lets a login in that came at `elapsed`, or sends it away to come back later. Resumes are not asked:
    /// they need no commit, and their grace may be running out.
    ///
    /// # Errors
    /// 4004 at either bound.
    pub(super) fn by(
        broker: &Broker,
        organisation: &OrganisationRef,
        elapsed: Duration,
    ) -> Result<Self, Close> {
        let permit = broker.admission.login().map_err(|_| Close::OVERLOADED)?;
        let place = organisation.logins().enter(elapsed, broker.limits.login_wait_max);
        let place = place.ok_or_else(|| {
            telemetry::count_bound(Bound::LoginWait);
            Close::OVERLOADED
        })?;
        Ok(Self { _permit: permit, _place: place })
    }
}
