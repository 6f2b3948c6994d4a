//! The broker's own figures, as `/metrics` has them.

use std::time::Duration;

use anyhow::{Context, Result};

/// What is looked at.
pub(crate) const FIGURES: [(&str, &str); 7] = [
    ("resident memory, bytes", "process_resident_memory_bytes"),
    ("open descriptors", "process_open_fds"),
    ("actors of organisations", r#"licence_broker_actors{kind="organisation"}"#),
    ("actors of sessions", r#"licence_broker_actors{kind="session"}"#),
    ("actors of wallboards", r#"licence_broker_actors{kind="wallboard"}"#),
    ("connected sessions", "licence_broker_sessions"),
    ("the store's memory, bytes", "licence_broker_store_memory_bytes"),
];

/// Where resident memory stands among them.
pub(crate) const MEMORY: usize = 0;
/// Where the part of it does that the store has: page caches, which fill as the log grows, up to a bound.
pub(crate) const STORE: usize = 6;
/// Where descriptors do.
pub(crate) const DESCRIPTORS: usize = 1;
/// Where the sessions' and the wallboards' actors do.
pub(crate) const ACTORS: [usize; 2] = [3, 4];

/// Figures in their order.
pub(crate) type Figures = [f64; FIGURES.len()];

/// The figures at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Since the churn began.
    pub(crate) at: Duration,
    pub(crate) figures: Figures,
}

/// Reads the figures out of Prometheus' text format.
///
/// # Errors
///
/// The first figure that is not there.
pub(crate) fn read(page: &str) -> Result<Figures> {
    let mut figures = [0.0; FIGURES.len()];
    for (figure, (_, name)) in figures.iter_mut().zip(FIGURES) {
        let mut values = page.lines().filter_map(|line| value(line, name)).peekable();
        values.peek().with_context(|| format!("/metrics does not show {name}"))?;
        for value in values {
            *figure +=
                value.trim().parse::<f64>().with_context(|| format!("/metrics: {name} {value}"))?;
        }
    }
    Ok(figures)
}

/// The value on a line of this name, whatever further labels it has: they are summed up.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(name)?;
    match rest.strip_prefix('{') {
        Some(labelled) => Some(labelled.split_once("} ")?.1),
        None => rest.strip_prefix(' '),
    }
}

/// The mean of each figure over the samples between two moments; `None` where there is no sample.
pub(crate) fn mean(samples: &[Sample], from: Duration, to: Duration) -> Option<Figures> {
    let within = samples.iter().filter(|sample| sample.at >= from && sample.at <= to);
    let mut sums = [0.0; FIGURES.len()];
    let mut count = 0.0;
    for sample in within {
        count += 1.0;
        for (sum, figure) in sums.iter_mut().zip(sample.figures) {
            *sum += figure;
        }
    }
    (count > 0.0).then(|| sums.map(|sum| sum / count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_by_their_whole_names() {
        let page = "# HELP x y\nprocess_resident_memory_bytes 1048576\nprocess_open_fds 12\n\
            licence_broker_actors{kind=\"organisation\"} 2\n\
            licence_broker_actors{kind=\"session\"} 30\nlicence_broker_actors{kind=\"wallboard\"} 4\n\
            licence_broker_sessions_of_old 9\n\
            licence_broker_sessions{device=\"deskphone\"} 20\n\
            licence_broker_sessions{device=\"switchboard\"} 9\n\
            licence_broker_store_memory_bytes 524288\n";
        assert_eq!(
            read(page).expect("all there"),
            [1_048_576.0, 12.0, 2.0, 30.0, 4.0, 29.0, 524_288.0]
        );
        let error = read("process_open_fds 12\n").expect_err("memory is missing").to_string();
        assert!(error.contains("process_resident_memory_bytes"), "{error}");
    }

    #[test]
    fn a_mean_is_that_of_its_time() {
        let sample = |s: u64, figure: f64| Sample {
            at: Duration::from_secs(s),
            figures: [figure; FIGURES.len()],
        };
        let samples = [sample(1, 1.0), sample(2, 10.0), sample(3, 20.0), sample(4, 99.0)];
        let between = |from, to| mean(&samples, Duration::from_secs(from), Duration::from_secs(to));
        assert_eq!(between(2, 3).map(|figures| figures[0]), Some(15.0));
        assert_eq!(between(5, 6), None);
    }
}
