//! A device without a socket, for what no client can bring about at a chosen moment.

use actix::prelude::*;
use chrono::TimeDelta;
use futures_util::future;
use licence_broker::actor::directory::{AskError, OrganisationRef};
use licence_broker::actor::link::{Link, Marks, ToDevice};
use licence_broker::actor::reply::{Reply, Unavailable};
use licence_broker::broker::Broker;
use licence_broker::domain::admission::{Acquire, AcquireAnswer, Login, LoginAnswer, Wanted};
use licence_broker::domain::event::Effects;
use licence_broker::domain::ids::{OrganisationId, ResumeDigest, SessionId};
use licence_broker::domain::moment::Moment;
use licence_broker::domain::organisation::{Command, Organisation};
use licence_broker::domain::reason::{Departure, Device};
use licence_broker::domain::release::{Release, ReleaseAnswer};
use licence_broker::domain::resume::{Resume, ResumeAnswer};
use std::sync::{Arc, OnceLock, mpsc};
use tokio::sync::{mpsc as channel, oneshot};

/// Something that a decision must never do.
pub struct Panic;

impl Command for Panic {
    type Answer = ();

    fn decide(self, _: &mut Organisation, _: Moment, _: &mut Effects) {
        panic!("a decision that panics, as planned");
    }
}

/// Keeps an organisation's actor from deciding anything else.
pub struct Block {
    pub entered: oneshot::Sender<()>,
    pub leave: mpsc::Receiver<()>,
}

impl Command for Block {
    type Answer = ();

    fn decide(self, _: &mut Organisation, _: Moment, _: &mut Effects) {
        self.entered.send(()).expect("somebody waits");
        // Left, or given up: either way the actor goes on.
        let _ = self.leave.recv();
    }
}

/// Blocks the organisation's actor; it goes on when the sender is dropped.
pub async fn block(organisation: &OrganisationRef) -> mpsc::Sender<()> {
    let (entered, inside) = oneshot::channel();
    let (hold, leave) = mpsc::channel();
    organisation.submit(Block { entered, leave }, None, Reply::nobody());
    inside.await.unwrap();
    hold
}

/// Has the organisation's actor panic.
pub async fn panic(broker: &Broker, id: u64) {
    let id = OrganisationId::new(id).unwrap();
    assert_eq!(broker.directory.ask(id, Panic).await, Err(AskError::Unavailable));
}

/// A thread on which puppets run, for as long as the tests do.
fn theatre() -> &'static ArbiterHandle {
    static THEATRE: OnceLock<ArbiterHandle> = OnceLock::new();
    THEATRE.get_or_init(|| {
        let (sender, handle) = mpsc::channel();
        std::thread::spawn(move || {
            let system = System::new();
            sender.send(System::current().arbiter().clone()).unwrap();
            system.run()
        });
        handle.recv().unwrap()
    })
}

/// Has it panic when it comes to that.
pub fn submit_panic(broker: &Broker, id: u64) {
    let id = OrganisationId::new(id).unwrap();
    broker.directory.find(id).unwrap().submit(Panic, None, Reply::nobody());
}

/// The mailbox of a device; takes nothing while it is frozen.
struct Mailbox(channel::UnboundedSender<ToDevice>);

impl Actor for Mailbox {
    type Context = Context<Self>;
}

impl Handler<ToDevice> for Mailbox {
    type Result = ();

    fn handle(&mut self, message: ToDevice, _: &mut Self::Context) {
        self.0.send(message).expect("somebody listens");
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

/// One connection of a session.
pub struct Puppet {
    pub organisation: OrganisationRef,
    pub link: Link,
    pub heard: channel::UnboundedReceiver<ToDevice>,
    address: Addr<Mailbox>,
}

impl Puppet {
    /// A connection that will be, or is, of this session.
    pub async fn new(broker: &Broker, id: u64, session: SessionId) -> Self {
        let organisation = broker.directory.find(OrganisationId::new(id).unwrap()).unwrap();
        let (sender, heard) = channel::unbounded_channel();
        let address = Mailbox::start_in_arbiter(theatre(), |_| Mailbox(sender));
        let now = broker.clock.now();
        let marks = Arc::new(Marks::new(now.elapsed, now.at + TimeDelta::hours(1)));
        let recipient = address.clone().recipient();
        let link = Link { id: broker.links.next(), session, recipient, marks };
        Self { organisation, link, heard, address }
    }

    /// Sends a login, and gives what will answer it.
    pub fn log_in(&self, user: &str, grace_s: u32) -> Answer<LoginAnswer> {
        let command = Login {
            session: self.link.session,
            link: self.link.id,
            user: user.into(),
            device: Device::AgentDesktop,
            wanted: Wanted::Assigned,
            wait: true,
            grace_s,
            resume: digest(self.link.session),
            address: "puppet".into(),
        };
        self.submit(command, true)
    }

    /// Sends a resume, and gives what will answer it.
    pub fn resume(&self, user: &str) -> Answer<ResumeAnswer> {
        let (session, link) = (self.link.session, self.link.id);
        let resume = digest(session);
        self.submit(Resume { session, link, user: user.into(), resume }, true)
    }

    /// Gives a feature back, and gives what will answer it.
    pub fn release(&self, feature: &str) -> Answer<ReleaseAnswer> {
        let (session, link) = (self.link.session, self.link.id);
        self.submit(Release { session, link, channels: vec![feature.into()] }, false)
    }

    /// Asks for what it has already: whether the session is on this connection.
    pub async fn is_connected(&self) -> bool {
        let (session, link) = (self.link.session, self.link.id);
        let acquire = Acquire { session, link, channels: vec!["agent_email".into()], wait: false };
        match self.submit(acquire, false).await.unwrap() {
            Ok(AcquireAnswer::Acquired { .. }) => true,
            Ok(AcquireAnswer::Gone) => false,
            other => panic!("neither: {other:?}"),
        }
    }

    /// Says goodbye, as a session actor does.
    pub fn depart(&self, departure: Departure) {
        let Link { id, session, marks, .. } = &self.link;
        self.organisation.depart(*session, *id, marks, departure, Reply::nobody());
    }

    /// Takes nothing more until the sender is dropped.
    pub fn freeze(&self) -> oneshot::Sender<()> {
        let (thaw, frozen) = oneshot::channel();
        self.address.do_send(Freeze(frozen));
        thaw
    }

    fn submit<C>(&self, command: C, is_first: bool) -> Answer<C::Answer>
    where
        C: Command + Send + 'static,
        C::Answer: Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        // A test that does not care for the answer has dropped its end.
        let reply = Reply::new(move |answer| drop(sender.send(answer)));
        self.organisation.submit(command, is_first.then(|| self.link.clone()), reply);
        answer
    }
}

/// Resolves when the organisation answers, or cannot.
pub type Answer<A> = oneshot::Receiver<Result<A, Unavailable>>;

/// Several logins at once, all of which must come through.
pub async fn all_logged_in(logins: Vec<Answer<LoginAnswer>>) {
    for answer in future::join_all(logins).await {
        assert!(matches!(answer, Ok(Ok(LoginAnswer::LoggedIn(_)))), "{answer:?}");
    }
}

fn digest(session: SessionId) -> ResumeDigest {
    let mut bytes = [7; 32];
    bytes[..16].copy_from_slice(&session.0.to_be_bytes());
    ResumeDigest(bytes)
}
