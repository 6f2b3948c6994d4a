//! The actor of one organisation: decide, persist, dispatch.
//!
//! It decides one command after the other, hands what changed to the journal, and answers when that is
//! durable; meanwhile it decides the next. It waits for no session and no commit. When a commit fails, or
//! a panic ends it, everything decided since is void: whoever waits is answered
//! [`Unavailable`](super::reply::Unavailable), and the directory starts it anew from the store.

mod tenancy;

use super::cell::{Cell, Past};
use super::claim::{self, Found};
use super::directory::Shared;
use super::gauges::{Cause, Place, State};
use super::link::{Inventory, Link, Overdue, ToDevice};
use super::live;
use super::pipeline::{Delivery, Next, Pipeline, Standing};
use super::reply::Reply;
use super::untold::{self, Notices};
use crate::domain::audit::Author;
use crate::domain::event::{Event, Notice};
use crate::domain::ids::{LinkId, SessionId};
use crate::domain::interval::IntervalRecord;
use crate::domain::moment::Moment;
use crate::domain::organisation::{Command, Organisation};
use crate::domain::reason::{Departure, EndReason};
use crate::domain::release::{Leave, LeaveAnswer, Tick};
use crate::domain::resume::{Reattach, ReleaseAbsent};
use crate::limits::bound::Bound;
use crate::limits::{ACTOR_RESTART_PAUSE_MAX, LIVE_INTERVAL};
use crate::store::{Batch, Loaded, StoreError};
use crate::telemetry;
use crate::telemetry::process::{Alive, Kind};
use actix::prelude::*;
use chrono::{DateTime, Utc};
use std::sync::Arc;
use std::time::Duration;
pub(super) use tenancy::{GiveUp, HandOver};
/// How long a store that does not answer is left alone, the first time; twice as long each further time.
const LOAD_PAUSE: Duration = Duration::from_millis(250);
/// And at most.
const LOAD_PAUSE_MAX: Duration = ACTOR_RESTART_PAUSE_MAX;

/// A command, and where its answer goes.
pub(super) struct Submit<C: Command> {
    pub(super) command: C,
    pub(super) reply: Reply<C::Answer>,
    /// The connection that a login or a resume comes on.
    pub(super) link: Option<Link>,
    /// Who asks, if it is an administrative change.
    pub(super) author: Option<Author>,
    /// In the mailbox.
    pub(super) place: Place,
    /// Monotonic time at which it came into the mailbox.
    pub(super) arrived: Duration,
}

impl<C: Command> Message for Submit<C> {
    type Result = ();
}

/// A connection ended, as its session actor saw it.
pub(super) struct Departed {
    pub(super) session: SessionId,
    pub(super) link: LinkId,
    pub(super) departure: Departure,
    pub(super) reply: Reply<LeaveAnswer>,
    /// In the mailbox.
    pub(super) place: Place,
    /// Monotonic time at which it came into the mailbox.
    pub(super) arrived: Duration,
}

impl Message for Departed {
    type Result = ();
}

/// A reading of the present.
pub(super) struct View {
    pub(super) read: Box<dyn FnOnce(&Organisation) -> Tell + Send>,
    /// Whether what was read is told only when everything that it rests on is durable.
    pub(super) when_durable: bool,
    /// In the mailbox.
    pub(super) place: Place,
}

/// Takes what was read to whoever asked.
pub(super) type Tell = Box<dyn FnOnce() + Send>;

impl Message for View {
    type Result = ();
}

/// The organisation is gone, or the broker stops: the actor ends.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Retire;

/// Time to look after whatever time has brought. It waits in the mailbox like everything else, so that a
/// resume that came in time is decided before the grace that it came in is over.
#[derive(Message)]
#[rtype(result = "()")]
struct Sweep {
    /// Monotonic time at which it came into the mailbox.
    arrived: Duration,
}

/// What became of the batch under way.
#[derive(Message)]
#[rtype(result = "()")]
struct Committed(Result<(), StoreError>);

/// See the module.
pub(super) struct OrganisationActor {
    cell: Arc<Cell>,
    shared: Arc<Shared>,
    /// `None` until it is loaded, and once it is to be handed over.
    organisation: Option<Organisation>,
    /// Under which claim everything is decided; 0 where one node has all.
    epoch: u64,
    /// To whom it goes as soon as everything that was decided is durable.
    leaving: Option<HandOver>,
    pipeline: Pipeline<Self>,
    /// Monotonic time at which what is being decided came into the mailbox: what grace is judged by. What
    /// waits here costs nobody their grace.
    arrived: Duration,
    /// Whether grace runs; it does not before devices can connect.
    grace_runs: bool,
    /// Whether a sweep waits in the mailbox.
    sweep_is_due: bool,
    /// Whether a live frame is about to go out.
    live_is_due: bool,
    /// When the last one went out.
    live_sent: Duration,
    /// Why it was started.
    cause: Cause,
    /// How often it could not be loaded.
    failures: u32,
    _obituary: Obituary,
    _alive: Alive,
}

/// Tells the directory that an actor is gone, whatever ended it: a panic drops it too.
struct Obituary {
    cell: Arc<Cell>,
    shared: Arc<Shared>,
}

impl Drop for Obituary {
    fn drop(&mut self) {
        self.shared.report_death(&self.cell);
    }
}

impl Actor for OrganisationActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // What is sent meanwhile waits in the mailbox for the first attempt only.
        let load = self.load();
        ctx.wait(load.map(|found, actor, ctx| actor.on_loaded(found, ctx)));
        ctx.run_interval(self.shared.heartbeat.sweep_every(), Self::sweep_soon);
    }
}

impl OrganisationActor {
    pub(super) fn new(cell: Arc<Cell>, shared: Arc<Shared>) -> Self {
        let _obituary = Obituary { cell: cell.clone(), shared: shared.clone() };
        let cause = cell.gauges().start();
        Self {
            cell,
            shared,
            cause,
            failures: 0,
            organisation: None,
            epoch: 0,
            leaving: None,
            pipeline: Pipeline::new(0),
            arrived: Duration::ZERO,
            grace_runs: false,
            sweep_is_due: false,
            live_is_due: false,
            live_sent: Duration::ZERO,
            _obituary,
            _alive: Alive::new(Kind::Organisation),
        }
    }

    fn load(&self) -> impl ActorFuture<Self, Output = Result<Found, StoreError>> + 'static {
        let (shared, cell) = (self.shared.clone(), self.cell.clone());
        let load = async move {
            // The actor before this one may have left a batch that is not committed yet.
            shared.journal.settled().await;
            claim::find(&shared, &cell).await
        };
        load.into_actor(self)
    }

    fn on_loaded(&mut self, found: Result<Found, StoreError>, ctx: &mut Context<Self>) {
        if self.cell.is_retired() {
            // What was found may be another organisation that has the number of this one now.
            return ctx.stop();
        }
        match found {
            Ok(Found::Here(loaded, tenure)) => {
                self.settle_in(tenure);
                self.begin(*loaded, ctx);
            }
            Ok(Found::Elsewhere) => self.part(ctx),
            Ok(Found::Nowhere) => {
                tracing::info!(
                    organisation = self.cell.id().get(),
                    "the store has no such organisation any more"
                );
                self.cell.gauges().set_state(State::Idle);
                self.cell.remove();
                ctx.stop();
            }
            Err(error) => self.try_again(&error, ctx),
        }
    }

    fn try_again(&mut self, error: &StoreError, ctx: &mut Context<Self>) {
        self.shared.journal.health().unread(error, self.shared.clock.now().at);
        let pause = LOAD_PAUSE * 2_u32.saturating_pow(self.failures.min(10));
        let pause = pause.min(LOAD_PAUSE_MAX);
        self.tell_failure(error, pause);
        self.failures += 1;
        telemetry::count_store_error("load", error.kind());
        self.cell.gauges().set_state(State::Failing);
        ctx.run_later(pause, |actor, ctx| {
            let load = actor.load();
            ctx.spawn(load.map(|found, actor, ctx| actor.on_loaded(found, ctx)));
        });
    }

    /// Once is enough to wake somebody; `/readyz` and the metrics say how long it lasts.
    fn tell_failure(&self, error: &StoreError, pause: Duration) {
        let organisation = self.cell.id().get();
        if self.failures == 0 {
            tracing::error!(organisation, %error, ?pause, "an organisation cannot be loaded");
        } else {
            tracing::debug!(organisation, %error, ?pause, "an organisation cannot be loaded yet");
        }
    }

    /// Takes up where the store says that things stand, and reconciles it with the live sockets.
    fn begin(&mut self, loaded: Loaded, ctx: &mut Context<Self>) {
        self.pipeline = Pipeline::new(loaded.batch);
        let Inventory { connected, departed } = self.cell.links().inventory();
        let session_of = |link| self.cell.links().session_of(link);
        let untold = self.cell.take_untold();
        let told = untold::come_true(untold, session_of, &connected, &loaded.snapshot);
        let told = Notices::new(self.cell.clone(), told);
        let catalogue = self.shared.catalogue.clone();
        let now = self.shared.clock.now();
        self.arrived = now.elapsed;
        self.grace_runs = self.shared.ready_since.get().is_some();
        let Past { last_run, running_since, held_until } = self.cell.past();
        let held_for = held_until.saturating_sub(now.elapsed);
        let ran_since = last_run.map_or(running_since, |run| run.since);
        let (snapshot, bounds) = (loaded.snapshot, self.shared.bounds);
        let found: Vec<SessionId> =
            snapshot.sessions.iter().map(|stored| stored.opened.session).collect();
        let restored = Organisation::restore(snapshot, catalogue, bounds, ran_since);
        self.cell.live().publish_kinds(live::kinds_of(&restored));
        self.organisation = Some(restored);
        telemetry::count_reload(self.cause.as_str());
        self.cell.gauges().set_state(State::Loaded);
        let known = connected.iter().map(|(session, _)| *session);
        let known = known.chain(departed.iter().map(|(session, _, _)| *session));
        let held = found.iter().filter(|_| !held_for.is_zero()).copied();
        let known = known.chain(held).collect();
        let then = Moment { at: last_run.map_or(now.at, |run| run.last).min(now.at), ..now };
        self.decide_by(None, then, ReleaseAbsent { known, running_since }, ctx, |_, ()| {});
        let gone: Vec<(LinkId, Departure)> =
            departed.iter().map(|(_, link, how)| (*link, *how)).collect();
        let departed = departed.into_iter().map(|(session, _, how)| (session, how)).collect();
        self.decide(Reattach { connected, departed, held_for }, ctx, move |actor, orphans| {
            actor.cell.forget_last_run();
            actor.notify(told.take());
            // A connection that the sweep had found overdue is still there, and has not been told.
            for (link, departure) in gone {
                actor.cell.end_link(link, end_of(departure));
            }
            for link in orphans {
                actor.cell.end_link(link, EndReason::StorageUnavailable);
            }
        });
        self.publish();
    }

    fn decide<C: Command>(
        &mut self,
        command: C,
        ctx: &mut Context<Self>,
        deliver: impl FnOnce(&mut Self, C::Answer) + 'static,
    ) where
        C::Answer: 'static,
    {
        let now = Moment { elapsed: self.arrived, ..self.shared.clock.now() };
        self.decide_by(None, now, command, ctx, deliver);
    }

    /// Decides, hands what changed to the journal, and sees to it that the answer and the notices leave
    /// once that is durable. Before the organisation is loaded `deliver` is dropped, uncalled.
    fn decide_by<C: Command>(
        &mut self,
        author: Option<Author>,
        now: Moment,
        command: C,
        ctx: &mut Context<Self>,
        deliver: impl FnOnce(&mut Self, C::Answer) + 'static,
    ) where
        C::Answer: 'static,
    {
        if !self.shared.may_decide() {
            // The lease is over: another node may decide already. Whoever asked is told by the end of this.
            return self.part(ctx);
        }
        let Some(organisation) = self.organisation.as_mut() else { return };
        let speaks_of = command.speaks_of();
        let decision = organisation.apply_by(author, command, now);
        let (answer, effects) = (decision.answer, decision.effects);
        telemetry::count_decision();
        self.shared.counters.count(&effects.events);
        self.cell.gauges().set_lingering(organisation.lingering());
        let concerns = effects.events.iter().any(concerns_wallboards);
        let kinds = concerns.then(|| live::kinds_of(organisation));
        let interval = effects.events.iter().rev().find_map(interval_of);
        let before_answer = effects.before_answer;
        let mut notices = Notices::new(self.cell.clone(), effects.notices);
        let delivery: Delivery<Self> = Box::new(move |actor| {
            actor.notify(notices.take_first(before_answer));
            deliver(actor, answer);
            actor.notify(notices.take());
            if let Some(kinds) = kinds {
                actor.cell.live().publish_kinds(kinds);
            }
            if let Some((start, records)) = interval {
                actor.cell.live().publish_interval(start, records);
            }
        });
        let standing = standing_of(organisation);
        if let Some(delivery) = self.pipeline.add(effects.events, standing, speaks_of, delivery) {
            delivery(self);
        }
        self.commit(ctx);
        self.publish_soon(ctx);
    }

    fn commit(&mut self, ctx: &mut Context<Self>) {
        let organisation = self.cell.id();
        let others_wait = self.shared.journal.serves_others_than(organisation);
        let Some(Next { number, events, standing }) = self.pipeline.next(others_wait) else {
            return;
        };
        let (Standing { at, sequence }, epoch) = (standing, self.epoch);
        let batch = Batch { organisation, number, epoch, events: events.into(), at, sequence };
        let address = ctx.address();
        self.shared.journal.commit(batch, move |outcome| address.do_send(Committed(outcome)));
    }

    fn notify(&mut self, notices: Vec<(LinkId, Notice)>) {
        for (link, notice) in notices {
            match notice {
                Notice::Ended(reason) => self.cell.end_link(link, reason),
                Notice::Granted(_) | Notice::Released { .. } => {
                    let sent = self.cell.links().try_send(link, ToDevice::Notice(notice));
                    if let Err(session) = sent {
                        telemetry::count_bound(Bound::NoticesPerSession);
                        self.cell.report_overflow(session, link);
                    }
                }
            }
        }
    }

    /// Something came into the mailbox at `arrived`: grace is judged by that from now on.
    fn hear(&mut self, arrived: Duration) {
        let Some(ready) = self.shared.ready_since.get() else { return };
        let runs_already = std::mem::replace(&mut self.grace_runs, true);
        if let Some(organisation) = self.organisation.as_mut().filter(|_| !runs_already) {
            organisation.begin_grace(*ready);
        }
        self.arrived = self.arrived.max(arrived);
    }

    fn sweep_soon(&mut self, ctx: &mut Context<Self>) {
        if self.organisation.is_some() && !self.sweep_is_due {
            self.sweep_is_due = true;
            ctx.address().do_send(Sweep { arrived: self.shared.clock.elapsed() });
        }
    }

    /// Looks after whatever time has brought: silent peers, tokens that ran out, grace, the schedule.
    fn sweep(&mut self, ctx: &mut Context<Self>) {
        if self.organisation.is_none() {
            return;
        }
        telemetry::count_sweep();
        let now = self.shared.clock.now();
        let silence_max = self.shared.heartbeat.silence_max();
        for overdue in self.cell.links().overdue(now.elapsed, now.at, silence_max) {
            self.end_overdue(overdue, ctx);
        }
        self.decide(Tick, ctx, |_, ()| {});
    }

    fn end_overdue(&mut self, overdue: Overdue, ctx: &mut Context<Self>) {
        let Overdue { link, session, departure } = overdue;
        let reason = departure.release_reason().as_str();
        tracing::info!(organisation = self.cell.id().get(), %session, reason, "session ended");
        let reason = end_of(departure);
        self.decide(Leave { session, link, departure }, ctx, move |actor, _| {
            actor.cell.end_link(link, reason);
        });
    }

    /// Counts go out at most once an interval, and what changes meanwhile goes with the next.
    fn publish_soon(&mut self, ctx: &mut Context<Self>) {
        if self.live_is_due {
            return;
        }
        self.live_is_due = true;
        let since = self.shared.clock.elapsed().saturating_sub(self.live_sent);
        ctx.run_later(LIVE_INTERVAL.saturating_sub(since), |actor, _| actor.publish());
    }

    fn publish(&mut self) {
        self.live_is_due = false;
        let now = self.shared.clock.now();
        self.live_sent = now.elapsed;
        if let Some(organisation) = self.organisation.as_mut().filter(|_| self.shared.may_decide())
        {
            self.cell.live().publish(organisation, now.at);
        }
    }
}

/// How a connection that ended so is told, if it is still there. A connection that ended by itself has
/// said goodbye, and hears no more than that this could not be kept in time.
fn end_of(departure: Departure) -> EndReason {
    match departure {
        Departure::HeartbeatTimeout => EndReason::HeartbeatTimeout,
        Departure::TokenExpired => EndReason::TokenExpired,
        Departure::SlowConsumer => EndReason::SlowConsumer,
        Departure::Drain => EndReason::GoingAway,
        Departure::Logout
        | Departure::ConnectionLost
        | Departure::Misbehaved
        | Departure::Unanswered
        | Departure::StorageUnavailable => EndReason::StorageUnavailable,
    }
}

fn standing_of(organisation: &Organisation) -> Standing {
    Standing { at: organisation.last_at(), sequence: organisation.sequence() }
}

/// Whether what a wallboard is sent may be another from now on.
fn concerns_wallboards(event: &Event) -> bool {
    matches!(
        event,
        Event::WallboardSaved(_)
            | Event::WallboardRemoved { .. }
            | Event::UserSaved(_)
            | Event::UserDeleted { .. }
    )
}

/// The figures of an interval that ended.
fn interval_of(event: &Event) -> Option<(DateTime<Utc>, Vec<IntervalRecord>)> {
    let Event::IntervalClosed { start, records } = event else { return None };
    Some((*start, records.clone()))
}

impl<C> Handler<Submit<C>> for OrganisationActor
where
    C: Command + Send + 'static,
    C::Answer: 'static,
{
    type Result = ();

    fn handle(&mut self, message: Submit<C>, ctx: &mut Self::Context) {
        let Submit { command, reply, link, author, arrived, place } = message;
        drop(place);
        self.hear(arrived);
        if self.organisation.is_none() {
            // The reply is dropped and says so. Nobody would take the connection out again.
            return;
        }
        let attached = link.map(|link| {
            let ids = (link.session, link.id);
            self.cell.links().add(link);
            ids
        });
        let now = Moment { elapsed: self.arrived, ..self.shared.clock.now() };
        self.decide_by(author, now, command, ctx, move |_, answer| reply.answer(answer));
        // A login or a resume that was refused leaves its connection without a session.
        if let (Some((session, link)), Some(organisation)) = (attached, &self.organisation)
            && !organisation.is_connected(session, link)
        {
            self.cell.links().remove(link);
        }
    }
}

impl Handler<Departed> for OrganisationActor {
    type Result = ();

    fn handle(&mut self, message: Departed, ctx: &mut Self::Context) {
        let Departed { session, link, departure, reply, arrived, place } = message;
        drop(place);
        self.hear(arrived);
        self.decide(Leave { session, link, departure }, ctx, move |actor, answer| {
            actor.cell.links().remove(link);
            reply.answer(answer);
        });
    }
}

impl Handler<View> for OrganisationActor {
    type Result = ();

    fn handle(&mut self, view: View, _: &mut Self::Context) {
        let View { read, when_durable, place } = view;
        drop(place);
        let Some(organisation) = self.organisation.as_ref().filter(|_| self.shared.may_decide())
        else {
            return;
        };
        let tell = read(organisation);
        if !when_durable {
            return tell();
        }
        let (standing, delivery) =
            (standing_of(organisation), Box::new(move |_: &mut Self| tell()));
        if let Some(delivery) = self.pipeline.add(Vec::new(), standing, None, delivery) {
            delivery(self);
        }
    }
}

impl Handler<Sweep> for OrganisationActor {
    type Result = ();

    fn handle(&mut self, Sweep { arrived }: Sweep, ctx: &mut Self::Context) {
        self.sweep_is_due = false;
        self.hear(arrived);
        self.sweep(ctx);
    }
}

impl Handler<Retire> for OrganisationActor {
    type Result = ();

    fn handle(&mut self, Retire: Retire, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Committed> for OrganisationActor {
    type Result = ();

    fn handle(&mut self, Committed(outcome): Committed, ctx: &mut Self::Context) {
        match outcome {
            // It is durable, and another node may have begun with it: whoever hears of it from there must
            // not hear it from here.
            Ok(()) if !self.shared.may_decide() => self.part(ctx),
            Ok(()) => {
                for delivery in self.pipeline.committed() {
                    delivery(self);
                }
                self.commit(ctx);
                self.leave_if_settled(ctx);
            }
            Err(error) => {
                let organisation = self.cell.id().get();
                tracing::error!(organisation, %error, "a commit failed; the organisation starts anew from what is kept");
                self.cell.gauges().ends_for(Cause::CommitFailed);
                ctx.stop();
            }
        }
    }
}
