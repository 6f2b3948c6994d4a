//! What may come between a device and its broker, and that it costs nothing: every case is told by one
//! line, and each is held against the same story.

use crate::centre::{AGENTS, Centre, Desk};
use crate::child::{Home, PROGRAM, Process};
use crate::forwarder::Break;
use crate::support::sound::assert_sound;
use std::path::PathBuf;

/// How a broker ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// SIGTERM, on which it drains.
    Terminated,
    /// SIGKILL.
    Killed,
}

/// Which program follows it.
#[derive(Clone, Copy, Debug)]
enum Successor {
    /// The same again.
    Itself,
    /// A copy of the program at another path, whose catalogue has a type more.
    Upgrade,
}

/// What comes between a device and its broker.
#[derive(Clone, Copy, Debug)]
enum Interruption {
    Network(Break),
    Restart(End, Successor),
}

macro_rules! interruptions {
    ($($name:ident: $interruption:expr;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                costs_nothing($interruption).await;
            }
        )*
    };
}

interruptions! {
    a_reset_of_the_network_costs_nothing: Interruption::Network(Break::Reset);
    an_end_without_a_close_frame_costs_nothing: Interruption::Network(Break::End);
    a_silent_network_that_the_broker_has_not_noticed_costs_nothing:
        Interruption::Network(Break::Silence);
    answers_that_are_lost_cost_nothing: Interruption::Network(Break::LostAnswers);
    a_broker_told_to_stop_and_started_again_costs_nothing:
        Interruption::Restart(End::Terminated, Successor::Itself);
    a_broker_killed_and_started_again_costs_nothing:
        Interruption::Restart(End::Killed, Successor::Itself);
    an_upgrade_of_a_broker_told_to_stop_costs_nothing:
        Interruption::Restart(End::Terminated, Successor::Upgrade);
    an_upgrade_of_a_broker_that_was_killed_costs_nothing:
        Interruption::Restart(End::Killed, Successor::Upgrade);
}

/// Three agents have everything, the interruption comes, a rival tries in vain before and after they are
/// back, and they are back with what they had.
async fn costs_nothing(interruption: Interruption) {
    let home = Home::new();
    let process = home.start().await;
    let centre = Centre::found(home).await;
    let desks = centre.open_shift().await;
    let before = centre.charged().await;

    let process = interrupt(&centre, interruption, process).await;
    centre.assert_nobody_else_gets_in().await;
    let mut back = Vec::new();
    // The last to come is the first to be back: places are not given by who is quicker.
    for (user, desk) in AGENTS.iter().zip(&desks).rev() {
        back.push(centre.resume(user, desk.welcome.clone()).await);
        centre.assert_nobody_else_gets_in().await;
    }
    back.reverse();
    assert_eq!(centre.charged().await, before, "{interruption:?}");
    // Until here the old sockets are held as an interrupted device holds them.
    drop(desks);
    centre.close_shift(back).await;
    assert_sound(&centre.home.folder().join("it.db")).await;
    process.kill();
}

/// The broker that devices find afterwards.
async fn interrupt(centre: &Centre, interruption: Interruption, process: Process) -> Process {
    let (end, successor) = match interruption {
        Interruption::Network(how) => {
            centre.forwarder.break_off(how);
            return process;
        }
        Interruption::Restart(end, successor) => (end, successor),
    };
    match end {
        End::Killed => process.kill(),
        End::Terminated => {
            let (status, _) = process.terminate().await;
            assert_eq!(status.code(), Some(0));
        }
    }
    match successor {
        Successor::Itself => centre.home.start().await,
        Successor::Upgrade => {
            let (program, catalogue) = upgrade(&centre.home);
            let catalogue = catalogue.to_str().expect("a path in UTF-8");
            centre.home.start_program(&program, &["--catalogue", catalogue]).await
        }
    }
}

/// A type that the older catalogue does not have; it stands before all others, so that nothing can rest on
/// how types are numbered.
const NEW_TYPE: &str = r#"
[[licence]]
key = "agent_video"
en = "Agent Video"
ja = "エージェントビデオ"
class = "feature"
model = "concurrent"
contingency = true
channel = true
acquired_on = ["agent_desktop"]
"#;

/// Another copy of the program at another path, and a newer catalogue beside it.
fn upgrade(home: &Home) -> (PathBuf, PathBuf) {
    let folder = home.folder().join("next");
    std::fs::create_dir(&folder).unwrap();
    let (program, catalogue) = (folder.join("licence-broker"), folder.join("catalogue.toml"));
    std::fs::copy(PROGRAM, &program).unwrap();
    let older = include_str!("../../src/catalogue.toml");
    let (head, types) = older.split_once("[[licence]]").expect("a catalogue with types");
    std::fs::write(&catalogue, format!("{head}{NEW_TYPE}\n[[licence]]{types}")).unwrap();
    (program, catalogue)
}

#[tokio::test]
async fn one_interruption_after_the_other_costs_nothing() {
    let home = Home::new();
    let mut process = home.start().await;
    let centre = Centre::found(home).await;
    let mut desks: Vec<Desk> = centre.open_shift().await;
    let before = centre.charged().await;
    for interruption in [
        Interruption::Network(Break::Reset),
        Interruption::Restart(End::Killed, Successor::Itself),
        Interruption::Network(Break::Silence),
        Interruption::Restart(End::Terminated, Successor::Upgrade),
        Interruption::Network(Break::LostAnswers),
        Interruption::Restart(End::Killed, Successor::Itself),
    ] {
        process = interrupt(&centre, interruption, process).await;
        let mut back = Vec::new();
        for (user, desk) in AGENTS.iter().zip(desks) {
            centre.assert_nobody_else_gets_in().await;
            back.push(centre.resume(user, desk.welcome).await);
        }
        desks = back;
        assert_eq!(centre.charged().await, before, "{interruption:?}");
    }
    centre.close_shift(desks).await;
    process.kill();
}
