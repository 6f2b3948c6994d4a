//! `refresh`, alike for devices and subscribers: a fresh token for a connection that goes on.
//!
//! A token whose key is not known yet waits until the key set was read again. To refuse it would end the
//! session of whoever was given the first token of a new key.

use super::session::{Connection, Flow, Peer, Session, Wire};
use crate::auth::{Claims, TokenRejected};
use crate::domain::secret::SecretText;
use crate::protocol::request::RequestId;
use actix::fut::wrap_future;
use actix::prelude::*;

/// What became of a token.
pub(super) type Judged = Result<Claims, TokenRejected>;

/// A peer whose token can be refreshed.
pub(super) trait Refreshable: Peer {
    /// A token must wait for its key; not more of them may than there is room for.
    fn postpone(&mut self);

    /// The token that waited has been judged, or will not be.
    fn resume_reading(&mut self);

    /// Takes the token, or ends the connection.
    fn refreshed(&mut self, id: Option<&RequestId>, judged: Judged, wire: &mut Wire<Self>) -> Flow;
}

/// Judges a fresh token, now or when its key may be known.
pub(super) fn refresh<P: Refreshable>(
    peer: &mut P,
    id: Option<RequestId>,
    token: SecretText,
    connection: &Connection,
    wire: &mut Wire<P>,
) -> Flow {
    let broker = connection.broker.clone();
    let reading = broker.authenticator.next_reading();
    let judged = broker.authenticator.judge(&token, broker.clock.now().at);
    let (Err(TokenRejected::UnknownKey), Some(reading)) = (&judged, reading) else {
        return peer.refreshed(id.as_ref(), judged, wire);
    };
    peer.postpone();
    let later = async move {
        reading.await;
        broker.authenticator.judge(&token, broker.clock.now().at)
    };
    let later = wrap_future::<_, Session<P>>(later);
    wire.spawn(later.map(move |judged, session: &mut Session<P>, wire| {
        session.peer.resume_reading();
        let flow = session.peer.refreshed(id.as_ref(), judged, wire);
        session.follow(flow, wire);
        session.pump(wire);
    }));
    Flow::Continue
}
