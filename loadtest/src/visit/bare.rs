//! A visit to a bare server: connect and echo, stay, and leave. Nobody tries twice: nothing there sends
//! anybody away.

use tokio::time::{Instant, sleep_until, timeout};

use super::report::WELL;
use super::{Scene, Visit};
use crate::conversation::Caller;
use crate::limits::LEAVE_WAIT;
use crate::session::code_in_words;
use crate::socket::{Incoming, NotOpened, Socket};
use crate::wire::{Request, login_with_grace};

/// What a device would say when it leaves.
const LOGOUT: Request = Request::Logout { id: 2 };

pub(super) async fn pay(caller: &Caller, visit: Visit, scene: &Scene) {
    let due = visit.comes;
    sleep_until(due).await;
    let phase = scene.number(visit.comes_in);
    scene.phase(phase).begun(due.elapsed());
    let mut socket = match timeout(scene.answer_timeout, come(caller, scene)).await {
        Ok(Ok((socket, upgraded))) => {
            let mut tally = scene.phase(phase);
            tally.upgraded(upgraded.saturating_duration_since(due));
            tally.served(due.elapsed(), false, true);
            socket
        }
        Ok(Err(why)) => return scene.phase(phase).refused(&why),
        Err(_) => {
            scene.phase(phase).timed_out();
            return scene.phase(phase).gave_up();
        }
    };
    sleep_until(visit.leaves).await;
    let how = match timeout(LEAVE_WAIT, leave(&mut socket)).await {
        Ok(Ok(())) => WELL.to_owned(),
        Ok(Err(why)) => why,
        Err(_) => "no answer in time".to_owned(),
    };
    socket.close().await;
    scene.labelled(visit.leaves_in).left(&how);
}

/// The socket that has its echo, and when it was upgraded.
async fn come(caller: &Caller, scene: &Scene) -> Result<(Socket, Instant), String> {
    let Caller { organisation, authorization, source, grace_s, .. } = caller;
    let opened = Socket::open(&scene.target, *organisation, authorization, *source).await;
    let mut socket = opened.map_err(NotOpened::in_words)?;
    let upgraded = Instant::now();
    echo(&mut socket, login_with_grace(*grace_s)).await?;
    Ok((socket, upgraded))
}

async fn leave(socket: &mut Socket) -> Result<(), String> {
    echo(socket, LOGOUT.to_json().map_err(|error| error.to_string())?).await
}

async fn echo(socket: &mut Socket, text: String) -> Result<(), String> {
    socket.send(text).await?;
    loop {
        match socket.next().await {
            Incoming::Said(_) => return Ok(()),
            Incoming::Alive => {}
            Incoming::Nonsense => return Err("not a message of the protocol".to_owned()),
            Incoming::Closed(code) => return Err(code_in_words(code)),
            Incoming::Lost(how) => return Err(how),
        }
    }
}
