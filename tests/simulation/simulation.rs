//! One seed from its beginning to its end, through as many lives of the broker as it takes.

use crate::coverage::Coverage;
use crate::life::live;
use crate::steps::PANIC;
use crate::world::World;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::time::Duration;

/// Steps of a seed unless somebody says otherwise.
pub(crate) const STEPS: u64 = 2_000;

/// Something is not as it must be.
pub(crate) struct Fault {
    pub(crate) why: String,
    /// After how many steps it was seen.
    pub(crate) steps: u64,
}

/// Plays a seed.
pub(crate) fn simulate(seed: u64, steps: u64) -> Result<Coverage, Fault> {
    silence_what_was_drawn();
    let mut world = World::new(seed, steps);
    loop {
        let lived = catch_unwind(AssertUnwindSafe(|| live(&mut world)));
        let why = match lived {
            Ok(()) => world.auditor.found().cloned(),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                Some(text.unwrap_or_else(|| "a panic".to_owned()))
            }
        };
        if let Some(why) = why {
            return Err(Fault { why, steps: world.done });
        }
        if world.done == steps {
            break;
        }
        // It is down for a while.
        let down = match world.random.below(4) {
            0 => 1 + world.random.below(900),
            1 => 1_000 + world.random.below(20_000),
            _ => 20_000 + world.random.below(700_000),
        };
        world.clock.advance(Duration::from_millis(down));
        world.wall_max = world.wall_max.max(world.clock.now().at);
    }
    for (what, count) in world.store.counts() {
        world.coverage.counts.insert(what.to_owned(), count);
    }
    Ok(world.coverage)
}

/// Plays it again to the step at which the fault was seen: it must be there, and no sooner.
pub(crate) fn again(seed: u64, fault: &Fault) -> (u64, String) {
    match simulate(seed, fault.steps) {
        Err(same) => (same.steps, same.why),
        Ok(_) => (fault.steps, format!("{} (and not when played again)", fault.why)),
    }
}

/// Actors that panic because their seed says so are no news.
fn silence_what_was_drawn() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = take_hook();
        set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref::<&str>() != Some(&PANIC) {
                tell(panic);
            }
        }));
    });
}
