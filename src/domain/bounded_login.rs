//! A login within the bound on an organisation's sessions.

use super::admission::{Login, LoginAnswer};
use super::event::Effects;
use super::moment::Moment;
use super::organisation::{Command, Organisation};

/// A login that is decided only if the organisation has room for another session.
///
/// Lingering sessions count: they hold licences. A login that takes over does not add to them, and a
/// resume goes on with one that counts, so neither is ever turned away.
#[derive(Clone, Debug)]
pub struct BoundedLogin {
    /// What is asked for.
    pub login: Login,
    /// Sessions that the organisation may have.
    pub sessions_max: usize,
}

impl Command for BoundedLogin {
    /// `None` if there is no room: nothing changed and nothing is recorded.
    type Answer = Option<LoginAnswer>;

    fn decide(
        self,
        organisation: &mut Organisation,
        now: Moment,
        effects: &mut Effects,
    ) -> Option<LoginAnswer> {
        let Self { login, sessions_max } = self;
        let user = organisation.users.get(&login.user);
        let takes_over = user.is_some_and(|user| user.sessions[login.device.index()].is_some());
        if !takes_over && organisation.sessions.len() >= sessions_max {
            return None;
        }
        Some(login.decide(organisation, now, effects))
    }
}
