//! A simulated device in place of the socket layer: a mailbox like that of a session actor, and the
//! goodbye, which may come late, twice, or after a successor's login.

use crate::store::DoubleStore;
use actix::prelude::*;
use licence_broker::actor::directory::OrganisationRef;
use licence_broker::actor::link::{Link, Marks, ToDevice};
use licence_broker::actor::reply::{Reply, Unavailable};
use licence_broker::domain::admission::{AcquireAnswer, LoginAnswer};
use licence_broker::domain::event::Notice;
use licence_broker::domain::ids::{LinkId, ResumeDigest, SessionId};
use licence_broker::domain::organisation::Command;
use licence_broker::domain::reason::{Departure, Device};
use licence_broker::domain::release::{LeaveAnswer, ReleaseAnswer};
use licence_broker::domain::resume::ResumeAnswer;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Notices that wait for one device; fewer than a real one's 64, so that slow readers come up.
const MAILBOX: usize = 4;

/// What a device is told.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) enum Said {
    Login(Result<LoginAnswer, Unavailable>),
    Resume(Result<ResumeAnswer, Unavailable>),
    Acquire(Result<AcquireAnswer, Unavailable>),
    Release(Result<ReleaseAnswer, Unavailable>),
    Leave(Result<LeaveAnswer, Unavailable>),
    Notice(Notice),
    Draining,
}

/// Something that was told, and how many records of the organisation were durable at that moment.
pub(crate) struct Heard {
    pub(crate) conn: usize,
    pub(crate) said: Said,
    pub(crate) durable: usize,
}

/// Everything that devices were told and nobody has looked at yet.
pub(crate) type Post = Arc<Mutex<Vec<Heard>>>;

/// The mailbox of one device.
struct Mailbox {
    conn: usize,
    organisation: OrganisationRef,
    store: Arc<DoubleStore>,
    post: Post,
}

impl Actor for Mailbox {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Mailbox {
    fn put(&mut self, said: Said) {
        let durable = self.store.durable(self.organisation.id());
        let heard = Heard { conn: self.conn, said, durable };
        self.post.lock().expect("nobody panics while it is held").push(heard);
    }
}

impl Handler<Said> for Mailbox {
    type Result = ();

    fn handle(&mut self, said: Said, _: &mut Self::Context) {
        self.put(said);
    }
}

impl Handler<ToDevice> for Mailbox {
    type Result = ();

    fn handle(&mut self, message: ToDevice, _: &mut Self::Context) {
        match message {
            ToDevice::Notice(notice) => self.put(Said::Notice(notice)),
            ToDevice::Draining { .. } => self.put(Said::Draining),
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Freeze(oneshot::Receiver<()>);

impl Handler<Freeze> for Mailbox {
    type Result = ();

    fn handle(&mut self, Freeze(thaw): Freeze, ctx: &mut Self::Context) {
        ctx.wait(async { drop(thaw.await) }.into_actor(self));
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct End;

impl Handler<End> for Mailbox {
    type Result = ();

    fn handle(&mut self, End: End, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A login is under way.
    LoggingIn,
    /// A resume is under way.
    Resuming,
    In,
    /// A logout is under way: nothing else is said any more.
    LoggingOut,
}

/// One connection.
pub(crate) struct Conn {
    pub(crate) organisation: OrganisationRef,
    /// Position of the organisation.
    pub(crate) place: usize,
    pub(crate) user: Arc<str>,
    pub(crate) device: Device,
    pub(crate) session: SessionId,
    pub(crate) digest: ResumeDigest,
    pub(crate) grace_s: u32,
    pub(crate) stage: Stage,
    /// The peer sends nothing any more, and nobody knows.
    pub(crate) is_silent: bool,
    /// Was slow or sent away: what the broker thinks of it is not known here.
    pub(crate) is_doubtful: bool,
    /// Takes nothing until this is dropped.
    pub(crate) thaw: Option<oneshot::Sender<()>>,
    pub(crate) token_until: chrono::DateTime<chrono::Utc>,
    /// Records that were durable when it was answered: what is decided after them finds it connected.
    pub(crate) since_row: usize,
    /// Records that were durable when its resume was sent, and whether that may come through.
    pub(crate) asked: (usize, MayResume),
    pub(crate) link: LinkId,
    pub(crate) marks: Arc<Marks>,
    address: Addr<Mailbox>,
}

/// What must become of a resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MayResume {
    Yes,
    /// The token is wrong, or the grace is over for sure.
    Never,
}

/// What a connection is made of.
pub(crate) struct Start<'a> {
    pub(crate) conn: usize,
    pub(crate) organisation: OrganisationRef,
    pub(crate) place: usize,
    pub(crate) user: &'a Arc<str>,
    pub(crate) device: Device,
    pub(crate) session: SessionId,
    pub(crate) digest: ResumeDigest,
    pub(crate) marks: Marks,
    pub(crate) token_until: chrono::DateTime<chrono::Utc>,
    pub(crate) store: Arc<DoubleStore>,
    pub(crate) post: Post,
}

impl Conn {
    pub(crate) fn new(start: Start<'_>) -> Self {
        let Start { conn, organisation, post, store, .. } = start;
        let address = Mailbox { conn, organisation: organisation.clone(), store, post }.start();
        Self {
            organisation,
            place: start.place,
            user: start.user.clone(),
            device: start.device,
            session: start.session,
            digest: start.digest,
            grace_s: 0,
            stage: Stage::LoggingIn,
            is_silent: false,
            is_doubtful: false,
            thaw: None,
            token_until: start.token_until,
            since_row: usize::MAX,
            asked: (0, MayResume::Yes),
            link: LinkId(conn as u64),
            marks: Arc::new(start.marks),
            address,
        }
    }

    pub(crate) fn link(&self) -> Link {
        let recipient = self.address.clone().recipient();
        Link { id: self.link, session: self.session, recipient, marks: self.marks.clone() }
    }

    /// Has a command decided; the answer comes to the mailbox.
    pub(crate) fn submit<C>(
        &self,
        command: C,
        link: Option<Link>,
        say: impl FnOnce(Result<C::Answer, Unavailable>) -> Said + Send + 'static,
    ) where
        C: Command + Send + 'static,
        C::Answer: Send + 'static,
    {
        let address = self.address.clone();
        let reply = Reply::new(move |answer| address.do_send(say(answer)));
        self.organisation.submit(command, link, reply);
    }

    /// What the goodbye says if nobody says otherwise.
    pub(crate) fn unless_said(&self) -> Departure {
        if self.stage == Stage::LoggingIn {
            Departure::Unanswered
        } else {
            Departure::ConnectionLost
        }
    }

    /// Says goodbye at once, as a session actor does.
    pub(crate) fn depart(&self, departure: Departure, reply: Reply<LeaveAnswer>) {
        self.organisation.depart(self.session, self.link, &self.marks, departure, reply);
    }

    /// A logout, whose answer is heard.
    pub(crate) fn log_out(&self) {
        let address = self.address.clone();
        let reply = Reply::new(move |answer| address.do_send(Said::Leave(answer)));
        self.depart(Departure::Logout, reply);
    }

    pub(crate) fn freeze(&mut self) {
        let (thaw, frozen) = oneshot::channel();
        self.address.do_send(Freeze(frozen));
        self.thaw = Some(thaw);
        self.is_doubtful = true;
    }

    /// The mailbox ends with the connection.
    pub(crate) fn end(&self) {
        self.address.do_send(End);
    }
}
