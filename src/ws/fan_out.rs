//! Sends what is new to all subscribers of an organisation on one worker thread.
//!
//! Nobody is woken for a frame: one task for each organisation and thread waits for what is new and hands
//! the same bytes to one socket after the other. A subscriber that does not take them is passed over, and
//! gets a snapshot in place of what it missed once it does.

use super::following::Following;
use super::session::Session;
use super::tcp::Backlog;
use super::wallboard::{Removed, Wallboard};
use crate::actor::live::Feed;
use crate::domain::catalogue::Catalogue;
use crate::limits::bound::Bound;
use crate::limits::{FRAMES_PER_TURN, LIVE_INTERVAL};
use crate::telemetry::count_bound;
use crate::transport::line::Line;
use actix::Addr;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// A subscriber on this thread. Owned by its session: it is sent nothing once that has dropped it.
pub(super) struct Outlet {
    following: RefCell<Following>,
    line: Line,
    backlog: Backlog,
    /// Whether it has not taken what it was sent, and so was passed over.
    is_behind: Cell<bool>,
    session: Addr<Session<Wallboard>>,
}

/// What became of a subscriber's turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It has been sent everything.
    Over,
    /// It does not take any more now.
    Behind,
    /// It is sent nothing more: its wallboard was taken away, and its session told so.
    Removed,
}

/// The subscribers of one organisation on this thread.
struct Fan {
    feed: Feed,
    catalogue: Arc<Catalogue>,
    outlets: RefCell<Vec<Weak<Outlet>>>,
}

thread_local! {
    /// One for each organisation with subscribers here; its task takes it out when there are none left.
    static FANS: RefCell<Vec<Rc<Fan>>> = const { RefCell::new(Vec::new()) };
}

impl Outlet {
    /// A subscriber that has been sent its first snapshot.
    pub(super) fn new(
        following: Following,
        line: Line,
        backlog: Backlog,
        session: Addr<Session<Wallboard>>,
    ) -> Rc<Self> {
        let (following, is_behind) = (RefCell::new(following), Cell::new(false));
        Rc::new(Self { following, line, backlog, is_behind, session })
    }

    /// Has it sent what is new from now on, for as long as it lives.
    pub(super) fn join(self: &Rc<Self>, catalogue: &Arc<Catalogue>) {
        let feed = self.following.borrow().feed.clone();
        let (fan, is_new) = FANS.with_borrow_mut(|fans| {
            if let Some(fan) = fans.iter().find(|fan| fan.feed.is_same(&feed)) {
                return (Rc::clone(fan), false);
            }
            let (catalogue, outlets) = (Arc::clone(catalogue), RefCell::default());
            let fan = Rc::new(Fan { feed, catalogue, outlets });
            fans.push(Rc::clone(&fan));
            (fan, true)
        });
        let mut outlets = fan.outlets.borrow_mut();
        if outlets.len() == outlets.capacity() {
            // Nobody else looks after those that have gone while nothing is new.
            outlets.retain(|outlet| outlet.strong_count() > 0);
        }
        outlets.push(Rc::downgrade(self));
        drop(outlets);
        if is_new {
            actix::spawn(fan.run());
        }
    }

    /// Sends everything that is new, unless so much waits already that it would be a backlog.
    fn take_turn(&self, catalogue: &Catalogue) -> Turn {
        let mut following = self.following.borrow_mut();
        if following.is_removed() {
            self.session.do_send(Removed);
            return Turn::Removed;
        }
        loop {
            if !self.line.is_idle() || self.backlog.is_behind() {
                if !self.is_behind.replace(true) {
                    count_bound(Bound::LiveBacklogBytes);
                }
                return Turn::Behind;
            }
            self.is_behind.set(false);
            let Some(news) = following.next(catalogue) else { return Turn::Over };
            self.backlog.add(news.written.frame.len());
            self.line.send_now(&news.written.frame);
        }
    }
}

impl Fan {
    /// Until nobody follows here any more, or the organisation is gone.
    async fn run(self: Rc<Self>) {
        let mut feed = self.feed.clone();
        loop {
            let is_somebody_behind = self.take_turns().await;
            if self.outlets.borrow().is_empty() {
                break;
            }
            let changed = feed.changed();
            let is_open = if is_somebody_behind {
                // What they missed is looked after again, whether anything is new or not.
                tokio::time::timeout(LIVE_INTERVAL, changed).await.unwrap_or(Ok(())).is_ok()
            } else {
                changed.await.is_ok()
            };
            if !is_open {
                break;
            }
        }
        FANS.with_borrow_mut(|fans| fans.retain(|fan| !Rc::ptr_eq(fan, &self)));
    }

    /// Gives everybody a turn, and others of this thread theirs in between; whether anybody is behind.
    async fn take_turns(&self) -> bool {
        let mut is_somebody_behind = false;
        // Whoever joins meanwhile has been sent the present.
        let outlets = self.outlets.take();
        let mut remaining = Vec::with_capacity(outlets.len());
        for some in outlets.chunks(FRAMES_PER_TURN) {
            for outlet in some {
                let turn = outlet.upgrade().map(|outlet| outlet.take_turn(&self.catalogue));
                match turn {
                    None | Some(Turn::Removed) => {}
                    Some(turn @ (Turn::Over | Turn::Behind)) => {
                        is_somebody_behind |= turn == Turn::Behind;
                        remaining.push(Weak::clone(outlet));
                    }
                }
            }
            tokio::task::yield_now().await;
        }
        let joined = self.outlets.take();
        remaining.extend(joined);
        self.outlets.replace(remaining);
        is_somebody_behind
    }
}
