//! `licence-broker token`: a token for whoever has the key at hand.

use super::Failure;
use crate::auth::{Authenticator, Claims, KeySources, Role};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::settings::Settings;
use crate::domain::ids::OrganisationId;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use std::path::PathBuf;

/// Ten years: longer is a mistake rather than a wish.
const TTL_S_MAX: i64 = 10 * 366 * 24 * 3_600;
const OPERATOR: &str = "operator";

/// Which token to print.
#[derive(Args, Clone, Debug)]
pub struct TokenArgs {
    /// What its bearer may do
    #[arg(long, value_name = "ROLE", value_parser = role_parser())]
    pub role: Role,
    /// The number of the organisation; every role but operator needs it
    #[arg(long, value_name = "N")]
    pub org: Option<u64>,
    /// The user's login name, or the wallboard's id; an operator's is `operator` if left out
    #[arg(long, value_name = "NAME")]
    pub sub: Option<String>,
    /// Seconds until it expires
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS",
          value_parser = clap::value_parser!(i64).range(1..=TTL_S_MAX))]
    pub ttl_s: i64,
    /// Folder of the broker's own key, as `serve` has it
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// File of the HS256 secret, where `serve` has one
    #[arg(long, value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,
    /// The configuration file of `serve`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

fn role_parser() -> impl clap::builder::TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.iter().map(|role| role.as_str()))
        .try_map(|word| Role::from_word(&word).ok_or("no such role"))
}

impl TokenArgs {
    /// The token, signed with the key that `serve` would use under the same settings.
    ///
    /// # Errors
    /// If what is asked for contradicts itself, or the key cannot be used.
    pub fn token(&self, clock: &Clock) -> Result<String, Failure> {
        let now = clock.now().at;
        let claims = self.claims(now)?;
        let config = Config::from_process(&Settings {
            data_dir: self.data_dir.clone(),
            jwt_secret_file: self.jwt_secret_file.clone(),
            config: self.config.clone(),
            ..Settings::default()
        })?;
        if config.jwt_secret_file.is_none() {
            config.make_data_dir().map_err(Failure::of)?;
        }
        let keys = KeySources {
            data_dir: config.data_dir,
            secret_file: config.jwt_secret_file,
            // Public keys sign nothing: a token can be had while their file is not.
            jwks: None,
        };
        let authenticator = Authenticator::open(&keys).map_err(Failure::of)?;
        authenticator.issue(&claims, now).map_err(Failure::of)
    }

    fn claims(&self, now: DateTime<Utc>) -> Result<Claims, Failure> {
        let usage = |text: &str| Failure::Usage(text.to_owned());
        let is_operator = self.role == Role::Operator;
        let organisation = match (is_operator, self.org) {
            (true, None) => None,
            (true, Some(_)) => return Err(usage("--org: an operator has no organisation")),
            (false, None) => return Err(usage("--org is needed for every role but operator")),
            (false, Some(number)) => {
                let number = OrganisationId::new(number);
                Some(number.ok_or_else(|| usage("--org: organisations are numbered from 1"))?)
            }
        };
        let subject = match self.sub.as_deref() {
            Some("") => return Err(usage("--sub is empty")),
            Some(subject) => subject,
            None if is_operator => OPERATOR,
            None => return Err(usage("--sub is needed for every role but operator")),
        };
        let expires_at = now + TimeDelta::seconds(self.ttl_s);
        Ok(Claims { subject: subject.into(), organisation, role: self.role, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        token: TokenArgs,
    }

    fn arguments(arguments: &[&str]) -> TokenArgs {
        let arguments = ["token"].iter().chain(arguments);
        Command::try_parse_from(arguments).expect("arguments that parse").token
    }

    #[test]
    fn a_token_says_what_was_asked_for_and_its_key_believes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut asked = arguments(&["--role", "device", "--org", "129", "--sub", "edred"]);
        let data_dir = folder.path().join("not/there/yet");
        asked.data_dir = Some(data_dir.clone());
        let clock = Clock::system();
        let token = asked.token(&clock).expect("a token");
        let keys = KeySources { data_dir, secret_file: None, jwks: None };
        let now = clock.now().at;
        let claims = Authenticator::open(&keys).expect("the key").judge(&token, now);
        let claims = claims.expect("a token that is believed");
        assert_eq!((&*claims.subject, claims.role), ("edred", Role::Device));
        assert_eq!(claims.organisation, OrganisationId::new(129));
        assert!((3_595..=3_600).contains(&(claims.expires_at - now).num_seconds()));
    }

    #[test]
    fn an_operator_needs_neither_an_organisation_nor_a_name() {
        let claims = arguments(&["--role", "operator"]).claims(DateTime::UNIX_EPOCH);
        let claims = claims.expect("claims");
        assert_eq!((&*claims.subject, claims.organisation), (OPERATOR, None));
    }

    #[test]
    fn a_token_that_contradicts_itself_is_refused() {
        for wrong in [
            &["--role", "operator", "--org", "129"][..],
            &["--role", "admin", "--sub", "ada"],
            &["--role", "admin", "--org", "129"],
            &["--role", "admin", "--org", "129", "--sub", ""],
            &["--role", "admin", "--org", "0", "--sub", "ada"],
        ] {
            let refused = arguments(wrong).claims(DateTime::UNIX_EPOCH);
            assert!(matches!(refused, Err(Failure::Usage(_))), "{wrong:?}");
        }
    }
}
