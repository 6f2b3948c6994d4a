//! What clients were told, against what is kept: all of it must be durable at that moment.

use super::book::{Book, Sitting};
use crate::kept::Key;
use std::collections::BTreeSet;

/// What a device was told, in plain words.
#[derive(Debug)]
pub(crate) enum Answer {
    LoggedIn {
        granted: Vec<(Key, &'static str)>,
        waiting: Vec<Key>,
        denied: Vec<Key>,
    },
    Resumed {
        granted: Vec<(Key, &'static str)>,
        waiting: Vec<Key>,
    },
    /// `may`: the token was right and the grace not over for sure.
    ResumeFailed {
        may: bool,
    },
    Refused {
        reason: &'static str,
        denied: Vec<Key>,
    },
    Acquired {
        granted: Vec<(Key, &'static str)>,
        waiting: Vec<Key>,
        denied: Vec<Key>,
    },
    Granted {
        granted: Vec<(Key, &'static str)>,
    },
    Released {
        licences: Vec<Key>,
    },
    LoggedOut {
        released: Vec<Key>,
    },
    Ended {
        reason: &'static str,
    },
    Unavailable,
}

impl Answer {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::LoggedIn { .. } => "logged_in".to_owned(),
            Self::Resumed { .. } => "resumed".to_owned(),
            Self::ResumeFailed { .. } => "resume_failed".to_owned(),
            Self::Refused { reason, .. } => format!("login_refused, {reason}"),
            Self::Acquired { .. } => "acquired".to_owned(),
            Self::Granted { .. } => "granted".to_owned(),
            Self::Released { .. } => "released".to_owned(),
            Self::LoggedOut { .. } => "logged_out".to_owned(),
            Self::Ended { reason } => format!("ended, {reason}"),
            Self::Unavailable => "unavailable".to_owned(),
        }
    }
}

/// Something that a device was told.
pub(crate) struct Told {
    /// By which connection.
    pub(crate) conn: usize,
    pub(crate) session: u128,
    pub(crate) user: Key,
    /// How many records were durable when it was told.
    pub(crate) durable: usize,
    /// How many were when a resume was sent.
    pub(crate) from: usize,
    /// Whether the device had been connected beyond doubt.
    pub(crate) is_certain: bool,
    pub(crate) answer: Answer,
}

/// What a client knows.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) session: u128,
    pub(crate) user: Key,
    pub(crate) held: BTreeSet<Key>,
    pub(crate) waits: BTreeSet<Key>,
}

impl Book {
    pub(crate) fn told(&mut self, told: Told) -> Result<(), String> {
        let Told { conn, session, user, durable, from, is_certain, answer } = told;
        match answer {
            Answer::LoggedIn { granted, waiting, denied } => {
                self.denied(&user, &denied, durable)?;
                let (held, waits) = (BTreeSet::new(), BTreeSet::new());
                self.clients.insert(conn, Client { session, user, held, waits });
                self.granted(conn, session, &granted, durable)?;
                self.waits(conn, session, &waiting, durable)
            }
            Answer::Acquired { granted, waiting, denied } => {
                self.denied(&user, &denied, durable)?;
                self.granted(conn, session, &granted, durable)?;
                self.waits(conn, session, &waiting, durable)
            }
            Answer::Granted { granted } => self.granted(conn, session, &granted, durable),
            Answer::Resumed { granted, waiting } => {
                self.open_at(session, from)?;
                let waits = waiting.into_iter().collect();
                let held = BTreeSet::new();
                self.clients.insert(conn, Client { session, user, held, waits });
                self.resumed(conn, session, &granted, from, durable)
            }
            Answer::ResumeFailed { may } => {
                let is_open = self
                    .sessions
                    .get(&session)
                    .is_some_and(|sitting| sitting.closed.is_none_or(|closed| closed >= durable));
                if may && is_open {
                    return Err(format!("session {session:x} is open and was not resumed"));
                }
                Ok(())
            }
            Answer::Refused { denied, .. } => {
                if self.sessions.contains_key(&session) {
                    return Err(format!("the refused login {session:x} left records"));
                }
                self.denied(&user, &denied, durable)
            }
            Answer::Released { licences } => self.released(conn, session, &licences, durable),
            Answer::LoggedOut { released } => {
                self.released(conn, session, &released, durable)?;
                self.clients.remove(&conn);
                self.closed(session, durable)
            }
            Answer::Ended { reason } => {
                let knew = self.clients.remove(&conn).is_some();
                self.ended(session, reason, durable, is_certain && knew)
            }
            Answer::Unavailable => {
                self.clients.remove(&conn);
                Ok(())
            }
        }
    }

    fn sitting(&self, session: u128) -> Result<&Sitting, String> {
        self.sessions
            .get(&session)
            .ok_or(format!("session {session:x} was told of and is not kept"))
    }

    fn granted(
        &mut self,
        conn: usize,
        session: u128,
        granted: &[(Key, &'static str)],
        durable: usize,
    ) -> Result<(), String> {
        for (licence, pool) in granted {
            let sitting = self.sitting(session)?;
            let kept = sitting.granted_at.get(licence).map_or(&[][..], Vec::as_slice);
            if !kept.iter().any(|(index, from)| *index < durable && from == pool) {
                return Err(format!(
                    "{licence} was granted to {session:x} from {pool}, of {durable} only {kept:?} is kept"
                ));
            }
            let Some(client) = self.clients.get_mut(&conn) else { continue };
            client.waits.remove(licence);
            if client.held.insert(licence.clone()) && matches!(*pool, "concurrent" | "contingency")
            {
                self.newly.insert(licence.clone());
            }
        }
        Ok(())
    }

    fn waits(
        &mut self,
        conn: usize,
        session: u128,
        waiting: &[Key],
        durable: usize,
    ) -> Result<(), String> {
        for licence in waiting {
            let at = self.sitting(session)?.queued_at.get(licence);
            if !is_kept(at, durable) {
                return Err(format!("{session:x} waits for {licence} and that is not durable"));
            }
            if let Some(client) = self.clients.get_mut(&conn) {
                client.waits.insert(licence.clone());
            }
        }
        Ok(())
    }

    fn denied(&self, user: &Key, denied: &[Key], durable: usize) -> Result<(), String> {
        for licence in denied {
            let at = self.denials.get(&(user.clone(), licence.clone()));
            if at.is_none() || (durable == 0) {
                return Err(format!("{licence} was denied to {user} and that is not durable"));
            }
        }
        Ok(())
    }

    /// No record, and the same licences, but for what was released or granted meanwhile.
    fn resumed(
        &mut self,
        conn: usize,
        session: u128,
        granted: &[(Key, &'static str)],
        from: usize,
        durable: usize,
    ) -> Result<(), String> {
        self.ends.resumed(session);
        let held: BTreeSet<Key> = granted.iter().map(|(licence, _)| licence.clone()).collect();
        let life = self.life;
        let sitting = self.open_at(session, from)?;
        sitting.linked_life = life;
        if !sitting.ever_held(from, durable, &held) {
            return Err(format!("session {session:x} was resumed with {held:?}"));
        }
        if let Some(client) = self.clients.get_mut(&conn) {
            client.held = held;
        }
        Ok(())
    }

    /// The session, which was open when so many records were durable: it may have been ended since.
    fn open_at(&mut self, session: u128, from: usize) -> Result<&mut Sitting, String> {
        let sitting = self.sessions.get_mut(&session);
        let sitting = sitting.filter(|s| s.closed.is_none_or(|closed| closed >= from));
        sitting.ok_or(format!("session {session:x} was resumed and is not open"))
    }

    fn released(
        &mut self,
        conn: usize,
        session: u128,
        licences: &[Key],
        durable: usize,
    ) -> Result<(), String> {
        for licence in licences {
            let client = self.clients.get_mut(&conn);
            let waited = client.is_some_and(|client| {
                client.held.remove(licence);
                client.waits.remove(licence)
            });
            let at = self.sitting(session)?.released_at.get(licence);
            if !waited && !is_kept(at, durable) {
                return Err(format!("{licence} was released by {session:x} and is not durable"));
            }
        }
        Ok(())
    }

    fn closed(&self, session: u128, durable: usize) -> Result<(), String> {
        let closed = self.sitting(session)?.closed;
        if closed.is_some_and(|closed| closed < durable) {
            return Ok(());
        }
        Err(format!("session {session:x} was ended and that is not durable"))
    }

    fn ended(
        &self,
        session: u128,
        reason: &'static str,
        durable: usize,
        is_certain: bool,
    ) -> Result<(), String> {
        match reason {
            "superseded" if self.resumes_sent.contains(&session) => Ok(()),
            "superseded" | "forced" | "scheduled" | "user not active" | "user unknown"
            | "user changed" => self.closed(session, durable),
            "storage unavailable" => {
                let is_open = self.sessions.get(&session).is_some_and(|s| s.closed.is_none());
                if is_certain && is_open {
                    return Err(format!("session {session:x} is kept and was told that it is not"));
                }
                Ok(())
            }
            _ if is_certain => Err(format!("session {session:x} was ended for nothing: {reason}")),
            _ => Ok(()),
        }
    }
}

/// Whether one of these records was durable when so many were.
fn is_kept(records: Option<&Vec<usize>>, durable: usize) -> bool {
    records.is_some_and(|records| records.iter().any(|index| *index < durable))
}
