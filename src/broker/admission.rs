//! Who gets in beside those who are there: every bound on connections, subscribers and callers that is not
//! an organisation's own business. Whoever is turned away is counted here, once.

use super::places::{Place, Places};
use super::rates::Rates;
use crate::domain::ids::OrganisationId;
use crate::limits::bound::Bound;
use crate::limits::{EXPORT_PAUSE, Limits, SIGN_INS_AT_ONCE_MAX};
use crate::telemetry::count_bound;
use governor::Quota;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};

/// A user of an organisation.
type User = (OrganisationId, Arc<str>);

/// See the module. Lives as long as the broker.
pub struct Admission {
    connections: Connections,
    sockets: Arc<Semaphore>,
    sockets_of: Rates<IpAddr>,
    users: Places<User>,
    logins_of: Rates<User>,
    logins: Arc<Semaphore>,
    subscribers: Arc<Semaphore>,
    subscribers_of: Places<OrganisationId>,
    sign_ins_of: Rates<IpAddr>,
    exports: Arc<Semaphore>,
    scrape: Mutex<()>,
    limits: Limits,
}

/// A subscriber of live counts; its places are given back when this is dropped.
#[derive(Debug)]
pub struct Subscriber {
    _of_organisation: Place<OrganisationId>,
    _of_all: OwnedSemaphorePermit,
}

/// A report that is written as CSV; its place is given back when this is dropped.
#[derive(Debug)]
pub struct Export {
    _place: OwnedSemaphorePermit,
    logins: Arc<Semaphore>,
    logins_max: usize,
}

impl Export {
    /// Between two parts: waits for [`EXPORT_PAUSE`] if somebody waits for a licence just now.
    pub async fn give_way(&self) {
        if self.logins.available_permits() < self.logins_max {
            tokio::time::sleep(EXPORT_PAUSE).await;
        }
    }
}

/// A user's socket; its place is given back when this is dropped.
pub type UserSocket = Place<User>;

impl Admission {
    /// Nobody is in.
    pub fn new(limits: &Limits) -> Self {
        let sign_ins = Quota::per_minute(limits.sign_ins_per_address_per_minute);
        Self {
            connections: Connections::new(limits.connections_max),
            sockets: Arc::new(Semaphore::new(limits.sessions_max)),
            sockets_of: Rates::new(Quota::per_second(limits.connections_per_address_per_second)),
            users: Places::new(limits.connections_per_user_max),
            logins_of: Rates::new(Quota::per_minute(limits.logins_per_user_per_minute)),
            logins: Arc::new(Semaphore::new(limits.logins_under_way_max)),
            subscribers: Arc::new(Semaphore::new(limits.subscribers_max)),
            subscribers_of: Places::new(limits.subscribers_per_organisation_max),
            sign_ins_of: Rates::new(
                sign_ins
                    .allow_burst(SIGN_INS_AT_ONCE_MAX.min(limits.sign_ins_per_address_per_minute)),
            ),
            exports: Arc::new(Semaphore::new(limits.exports_under_way_max)),
            scrape: Mutex::default(),
            limits: limits.clone(),
        }
    }

    /// Counts accepted connections.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Whether there is no room for a further socket.
    pub fn is_full(&self) -> bool {
        self.sockets.available_permits() == 0
    }

    /// How many sockets and event streams are open.
    pub fn open(&self) -> usize {
        self.limits.sessions_max.saturating_sub(self.sockets.available_permits())
    }

    /// One of the sockets and event streams that may be open.
    ///
    /// # Errors
    /// The bound that is met.
    pub fn socket(&self, address: Option<IpAddr>) -> Result<OwnedSemaphorePermit, Bound> {
        if address.is_some_and(|address| !self.sockets_of.admit(&address)) {
            return turned_away(Bound::ConnectionsPerAddressPerSecond);
        }
        permit(&self.sockets, Bound::Sessions)
    }

    /// The socket of a user who logs in or resumes.
    ///
    /// # Errors
    /// The bound that is met.
    pub fn user(&self, organisation: OrganisationId, user: &Arc<str>) -> Result<UserSocket, Bound> {
        let user = (organisation, Arc::clone(user));
        if !self.logins_of.admit(&user) {
            return turned_away(Bound::LoginsPerUserPerMinute);
        }
        self.users.take(user).map_or_else(|| turned_away(Bound::ConnectionsPerUser), Ok)
    }

    /// One of the logins that may be under way.
    ///
    /// # Errors
    /// The bound that is met.
    pub fn login(&self) -> Result<OwnedSemaphorePermit, Bound> {
        permit(&self.logins, Bound::LoginsUnderWay)
    }

    /// A subscriber of an organisation's live counts.
    ///
    /// # Errors
    /// The bound that is met.
    pub fn subscriber(&self, organisation: OrganisationId) -> Result<Subscriber, Bound> {
        let Some(of_organisation) = self.subscribers_of.take(organisation) else {
            return turned_away(Bound::SubscribersPerOrganisation);
        };
        let of_all = permit(&self.subscribers, Bound::Subscribers)?;
        Ok(Subscriber { _of_organisation: of_organisation, _of_all: of_all })
    }

    /// Whether this address may try one more sign-in now.
    ///
    /// # Errors
    /// The bound that is met.
    pub fn sign_in(&self, address: Option<IpAddr>) -> Result<(), Bound> {
        if address.is_some_and(|address| !self.sign_ins_of.admit(&address)) {
            return turned_away(Bound::SignInsPerAddressPerMinute);
        }
        Ok(())
    }

    /// One of the reports that may be written as CSV at once.
    ///
    /// # Errors
    /// The bound that is met.
    pub fn export(&self) -> Result<Export, Bound> {
        let place = permit(&self.exports, Bound::ExportsUnderWay)?;
        let (logins, logins_max) = (Arc::clone(&self.logins), self.limits.logins_under_way_max);
        Ok(Export { _place: place, logins, logins_max })
    }

    /// To be held while a page of metrics is written: one after the other, for nobody needs a token to ask.
    pub async fn scrape(&self) -> MutexGuard<'_, ()> {
        self.scrape.lock().await
    }

    /// How many there are of what has a level, by the bound that holds it.
    pub fn levels(&self) -> [(Bound, usize); 5] {
        let taken = |max: usize, left: &Semaphore| max.saturating_sub(left.available_permits());
        let limits = &self.limits;
        [
            (Bound::Connections, self.connections.now()),
            (Bound::Sessions, taken(limits.sessions_max, &self.sockets)),
            (Bound::LoginsUnderWay, taken(limits.logins_under_way_max, &self.logins)),
            (Bound::Subscribers, taken(limits.subscribers_max, &self.subscribers)),
            (Bound::ExportsUnderWay, taken(limits.exports_under_way_max, &self.exports)),
        ]
    }

    /// Forgets addresses and users that have not been heard of for a while.
    pub fn forget_the_quiet(&self) {
        self.sockets_of.forget_the_quiet();
        self.logins_of.forget_the_quiet();
        self.sign_ins_of.forget_the_quiet();
    }
}

fn permit(places: &Arc<Semaphore>, bound: Bound) -> Result<OwnedSemaphorePermit, Bound> {
    Arc::clone(places).try_acquire_owned().or_else(|_| turned_away(bound))
}

fn turned_away<T>(bound: Bound) -> Result<T, Bound> {
    count_bound(bound);
    Err(bound)
}

/// Counts the TCP connections that are open. The server itself accepts no more than may be; this says how
/// many there are, and notes when the last place is taken.
#[derive(Clone, Debug)]
pub struct Connections {
    max: usize,
    open: Arc<AtomicUsize>,
}

/// One accepted connection; counted until it is dropped.
#[derive(Debug)]
pub struct Connected(Arc<AtomicUsize>);

impl Connections {
    fn new(max: usize) -> Self {
        Self { max, open: Arc::default() }
    }

    /// One was accepted.
    pub fn accepted(&self) -> Connected {
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        if before + 1 == self.max {
            count_bound(Bound::Connections);
        }
        Connected(Arc::clone(&self.open))
    }

    /// How many are open.
    pub fn now(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
