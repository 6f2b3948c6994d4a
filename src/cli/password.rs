//! Where a command has a password from: never from the command line, which everybody on the machine sees.

use super::Failure;
use crate::auth::password::check_new;
use std::path::PathBuf;

/// The variable that may hold it.
const VARIABLE: &str = "LICENCE_BROKER_PASSWORD";

/// In the order in which they are asked: a file, the environment, the terminal.
#[derive(Debug)]
pub(super) struct Sources {
    /// The file; a line ending at its end is not part of the password.
    pub(super) file: Option<PathBuf>,
}

impl Sources {
    /// A password that may be set.
    pub(super) fn password(&self) -> Result<String, Failure> {
        let password = self.given()?.map_or_else(ask, Ok)?;
        match check_new(&password) {
            Ok(()) => Ok(password),
            Err(reason) => Err(Failure::Failed(format!("the password {reason}"))),
        }
    }

    fn given(&self) -> Result<Option<String>, Failure> {
        if let Some(path) = &self.file {
            let text = std::fs::read_to_string(path);
            let text =
                text.map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
            let line = text.strip_suffix('\n').unwrap_or(&text);
            return Ok(Some(line.strip_suffix('\r').unwrap_or(line).to_owned()));
        }
        // An empty variable is how many a tool says "not set".
        Ok(std::env::var(VARIABLE).ok().filter(|value| !value.is_empty()))
    }
}

/// Asks twice on the terminal, without echo.
fn ask() -> Result<String, Failure> {
    let prompt = |text: &str| {
        rpassword::prompt_password(text).map_err(|error| {
            let ways = format!("--password-file and {VARIABLE} are the other ways");
            Failure::Failed(format!("cannot ask for a password ({error}); {ways}"))
        })
    };
    let (first, second) = (prompt("Password: ")?, prompt("Once more: ")?);
    if first == second {
        Ok(first)
    } else {
        Err(Failure::Failed("the two passwords differ".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_a_password_up_to_its_line_ending() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("password");
        for (text, password) in [
            ("correct horse battery\r\n", "correct horse battery"),
            (" blanks count too ", " blanks count too "),
        ] {
            std::fs::write(&path, text).expect("written");
            let sources = Sources { file: Some(path.clone()) };
            assert_eq!(sources.password(), Ok(password.to_owned()));
        }
        let missing = Sources { file: Some(folder.path().join("missing")) };
        let refused = missing.password().expect_err("no file");
        assert!(matches!(&refused, Failure::Failed(why) if why.contains("missing")), "{refused:?}");
    }
}
