//! How the actor comes by its organisation where several nodes share the store, and how it gives it up.

use super::super::claim;
use super::super::gauges::{Cause, State};
use super::OrganisationActor;
use crate::domain::reason::EndReason;
use crate::store::StoreError;
use crate::store::ownership::{NodeRun, Tenure};
use actix::prelude::*;
use tokio::sync::oneshot;

/// The lease is over: nothing is decided here any more, and nothing told.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actor) struct GiveUp;

/// Another node is to have the organisation, or whichever claims it first: nothing more is decided, what was
/// decided is made durable, and then it goes. Whoever asked hears whether it did.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actor) struct HandOver {
    pub(in crate::actor) to: Option<NodeRun>,
    pub(in crate::actor) done: oneshot::Sender<Result<bool, StoreError>>,
}

impl OrganisationActor {
    /// Under this claim everything is decided from now on.
    pub(super) fn settle_in(&mut self, tenure: Option<Tenure>) {
        if let Some(tenure) = tenure {
            self.epoch = tenure.epoch;
            self.cell.settle_in();
        }
    }

    /// It is not this node's, or not any more: connections are told to go to the other.
    pub(super) fn part(&mut self, ctx: &mut Context<Self>) {
        self.organisation = None;
        self.cell.give_up();
        self.cell.gauges().set_state(State::Idle);
        self.cell.gauges().ends_for(Cause::Start);
        for link in self.cell.links().ids() {
            self.cell.end_link(link, EndReason::Moved);
        }
        ctx.stop();
    }

    /// Hands over what is to be handed over, once nothing of it waits for the store.
    pub(super) fn leave_if_settled(&mut self, ctx: &mut Context<Self>) {
        if !self.pipeline.is_settled_all() {
            return;
        }
        let Some(HandOver { to, done }) = self.leaving.take() else { return };
        let (shared, id, epoch) = (self.shared.clone(), self.cell.id(), self.epoch);
        let handing = async move { claim::hand_over(&shared, id, epoch, to.as_ref()).await };
        ctx.wait(handing.into_actor(self).map(move |outcome, actor, ctx| {
            // Whoever asked may have gone.
            let _ = done.send(outcome);
            actor.part(ctx);
        }));
    }
}

impl Handler<GiveUp> for OrganisationActor {
    type Result = ();

    fn handle(&mut self, GiveUp: GiveUp, ctx: &mut Self::Context) {
        self.part(ctx);
    }
}

impl Handler<HandOver> for OrganisationActor {
    type Result = ();

    fn handle(&mut self, hand_over: HandOver, ctx: &mut Self::Context) {
        if self.organisation.take().is_some() {
            self.cell.leave();
            self.leaving = Some(hand_over);
            self.leave_if_settled(ctx);
        }
    }
}
