//! How the log is set up.

use crate::config::Log;
use crate::config::settings::LogFormat;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sends the log to standard error; where this process has a log already, that one stays.
///
/// # Errors
/// If the directives make no sense, which the settings have ruled out.
pub fn start_log(log: &Log) -> Result<(), ParseError> {
    let colours = std::io::stderr().is_terminal();
    // The only failure is that there is a log already: several brokers in one process share it.
    let _ = subscriber(log, colours, std::io::stderr)?.try_init();
    Ok(())
}

/// The HTTP library logs an error for each request that makes no sense: whoever knocks at the port could fill
/// the log. Who names it in the directives hears it.
const LOUD_BUT_MUTE: &str = "actix_http::h1::dispatcher=off";

fn subscriber<W>(
    log: &Log,
    colours: bool,
    writer: W,
) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(format!("{LOUD_BUT_MUTE},{}", log.level))?)
        .with_ansi(colours)
        // Whatever keeps the log from being written keeps a complaint about it from being written too,
        // and the attempt would be a panic.
        .log_internal_errors(false)
        .with_writer(writer);
    Ok(match log.format {
        LogFormat::Human => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::field;
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex, MutexGuard};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
            self.0.lock().expect("no writer panicked")
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.bytes().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str) -> String {
        logged_as(format, level, || {
            tracing::info!({ field::ORGANISATION } = 129, { field::USER } = "edred", "logged in");
            tracing::debug!("a detail");
        })
    }

    fn logged_as(format: LogFormat, level: &str, write: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let log = Log { format, level: level.into() };
        let subscriber = subscriber(&log, false, move || writer.clone()).expect("good directives");
        tracing::subscriber::with_default(subscriber, write);
        let bytes = written.bytes().clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_line_for_machines_is_one_object_with_the_agreed_fields() {
        let lines = logged(LogFormat::Json, "info");
        let line: serde_json::Value = serde_json::from_str(&lines).expect("one object");
        assert_eq!((&line["organisation"], &line["user"]), (&129.into(), &"edred".into()));
        assert_eq!((&line["message"], &line["level"]), (&"logged in".into(), &"INFO".into()));
    }

    #[test]
    fn the_directives_decide_what_is_logged() {
        assert_eq!(logged(LogFormat::Human, "warn"), "");
        assert_eq!(logged(LogFormat::Human, "info").lines().count(), 1);
        assert_eq!(logged(LogFormat::Human, "debug").lines().count(), 2);
    }

    #[test]
    fn requests_that_make_no_sense_fill_no_log_unless_somebody_asks() {
        let lines = |level: &str| {
            logged_as(LogFormat::Human, level, || {
                tracing::error!(target: "actix_http::h1::dispatcher", "stream error");
            })
        };
        assert_eq!(lines("info"), "");
        assert_eq!(lines("debug"), "");
        assert_eq!(lines("info,actix_http::h1::dispatcher=error").lines().count(), 1);
    }
}
