//! What the process takes of its machine, under Prometheus' standard names, and how many actors live.

use super::series::ACTORS;
use metrics::gauge;
use metrics_process::Collector;
use std::sync::atomic::{AtomicU32, Ordering};

/// What lives for as long as somebody is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The actor of an organisation.
    Organisation,
    /// The session actor of a device.
    Session,
    /// The session actor of a wallboard.
    Wallboard,
    /// A stream of server-sent events.
    EventStream,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Organisation, Self::Session, Self::Wallboard, Self::EventStream];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Session => "session",
            Self::Wallboard => "wallboard",
            Self::EventStream => "event_stream",
        }
    }

    /// Counted by hand and not in the recorder: actors may begin before there is one.
    fn alive(self) -> &'static AtomicU32 {
        static ALIVE: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];
        match self {
            Self::Organisation => &ALIVE[0],
            Self::Session => &ALIVE[1],
            Self::Wallboard => &ALIVE[2],
            Self::EventStream => &ALIVE[3],
        }
    }
}

/// Held by each actor for its life: however it ends, this is dropped with it.
#[derive(Debug)]
pub struct Alive(Kind);

impl Alive {
    /// One more lives.
    pub fn new(kind: Kind) -> Self {
        kind.alive().fetch_add(1, Ordering::Relaxed);
        Self(kind)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive().fetch_sub(1, Ordering::Relaxed);
    }
}

/// Says what each of them means.
pub fn describe() {
    Collector::default().describe();
}

/// Brings them up to date; to be called before they are shown.
pub fn collect() {
    Collector::default().collect();
    for kind in Kind::ALL {
        let alive = kind.alive().load(Ordering::Relaxed);
        gauge!(ACTORS, "kind" => kind.as_str()).set(alive);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;

    #[test]
    fn the_process_and_its_actors_are_shown_under_the_standard_names() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let shown = metrics::with_local_recorder(&recorder, || {
            describe();
            let _alive = Alive::new(Kind::EventStream);
            collect();
            handle.render()
        });
        for name in [
            "process_resident_memory_bytes",
            "process_open_fds",
            "process_max_fds",
            "process_cpu_seconds_total",
            "process_start_time_seconds",
            r#"licence_broker_actors{kind="organisation"}"#,
        ] {
            let line = shown.lines().find(|line| line.starts_with(name));
            assert!(line.is_some(), "{name} in {shown}");
        }
        let stream = r#"licence_broker_actors{kind="event_stream"} 1"#;
        assert!(shown.lines().any(|line| line == stream), "{shown}");
    }
}
