//! `licence-broker user`: an account for somebody who signs in to the broker, made in the store itself.
//!
//! For the first administrator, whom nobody is there to create yet, and for the last one who is locked out.
//! No broker may run on a file meanwhile, whose lock tells; of a server's database an account is made beside its
//! nodes.

use super::Failure;
use super::password::Sources;
use crate::auth::account::Credentials;
use crate::auth::password::PasswordHash;
use crate::auth::second_factor::TotpSecret;
use crate::auth::{Account, Role};
use crate::catalogue_file;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::settings::Settings;
use crate::domain::audit::Author;
use crate::domain::ids::OrganisationId;
use crate::limits::Limits;
use crate::store::accounts::{AccountChange, By, Changing, Creation, NewAccount};
use crate::store::{self, Store};
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{ArgGroup, Args};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use std::path::PathBuf;
use std::sync::Arc;

/// What the audit calls whoever runs this command.
const ACTOR: &str = "licence-broker user";
/// The longest login name, in characters.
const USER_MAX_CHARS: usize = 128;

/// Which account to make or to reset.
#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("home").required(true).args(["organisation", "operator"])))]
pub struct UserArgs {
    /// The number of the organisation, which must exist
    #[arg(long, value_name = "N")]
    pub organisation: Option<u64>,
    /// An operator of the platform, who belongs to no organisation and may do everything
    #[arg(long)]
    pub operator: bool,
    /// The login name
    #[arg(long, value_name = "NAME")]
    pub user: String,
    /// What they may do [default: admin]
    #[arg(long, value_name = "ROLE", value_parser = role_parser(),
          conflicts_with_all = ["operator", "reset", "delete"])]
    pub role: Option<Role>,
    /// Give an account that there is a new password and a new second factor, and unlock it
    #[arg(long)]
    pub reset: bool,
    /// Delete an account; its tokens live on for up to 12 hours
    #[arg(long, conflicts_with_all = ["reset", "password_file"])]
    pub delete: bool,
    /// File that holds the password; else the variable LICENCE_BROKER_PASSWORD does, else it is asked for
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Where everything is kept, as `serve` has it
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Catalogue of licence types, where `serve` has one
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,
    /// The configuration file of `serve`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

fn role_parser() -> impl clap::builder::TypedValueParser<Value = Role> {
    PossibleValuesParser::new([Role::Admin.as_str(), Role::Supervisor.as_str()])
        .try_map(|word| Role::from_word(&word).ok_or("no such role"))
}

impl UserArgs {
    /// Does it; what to print about it, the secret for an authenticator app included.
    ///
    /// # Errors
    /// If what is asked for contradicts itself, the store cannot be had, or the account cannot be changed.
    pub(super) async fn run(&self, clock: &Clock) -> Result<String, Failure> {
        let organisation = self.home()?;
        self.check_name()?;
        let store = self.store().await?;
        let author = Author { name: ACTOR.into(), role: Role::Operator.as_str() };
        let by = By { author, at: clock.now().at };
        if self.delete {
            let account = self.change(&*store, organisation, &AccountChange::Delete, &by).await?;
            return Ok(format!("deleted: {}", named(&account)));
        }
        let sources = Sources { file: self.password_file.clone() };
        let password = PasswordHash::of(&sources.password()?).map_err(Failure::of)?;
        let second_factor = TotpSecret::generate().map_err(Failure::of)?;
        let credentials = Credentials { password, second_factor };
        if !self.reset {
            let account = self.create(&*store, organisation, credentials, &by).await?;
            return Ok(told("created", &account));
        }
        let change = AccountChange::Reset {
            password: Some(credentials.password),
            second_factor: Some(credentials.second_factor),
        };
        let account = self.change(&*store, organisation, &change, &by).await?;
        Ok(told("reset", &account))
    }

    fn home(&self) -> Result<Option<OrganisationId>, Failure> {
        let Some(number) = self.organisation else { return Ok(None) };
        let wrong =
            || Failure::Usage("--organisation: organisations are numbered from 1".to_owned());
        OrganisationId::new(number).map(Some).ok_or_else(wrong)
    }

    fn check_name(&self) -> Result<(), Failure> {
        let is_good = (1..=USER_MAX_CHARS).contains(&self.user.chars().count())
            && !self.user.chars().any(char::is_control);
        let wrong = format!("--user: 1 to {USER_MAX_CHARS} characters, none of them a control");
        if is_good { Ok(()) } else { Err(Failure::Usage(wrong)) }
    }

    async fn store(&self) -> Result<Arc<dyn Store>, Failure> {
        let config = Config::from_process(&Settings {
            database: self.database.clone(),
            catalogue: self.catalogue.clone(),
            config: self.config.clone(),
            ..Settings::default()
        })?;
        let catalogue = match &config.catalogue {
            Some(path) => catalogue_file::read(path).map_err(Failure::of)?,
            None => catalogue_file::built_in(),
        };
        store::open(&config.database, catalogue).await.map_err(Failure::of)
    }

    async fn create(
        &self,
        store: &dyn Store,
        organisation: Option<OrganisationId>,
        credentials: Credentials,
        by: &By,
    ) -> Result<Account, Failure> {
        let role = if self.operator { Role::Operator } else { self.role.unwrap_or(Role::Admin) };
        let new = NewAccount { organisation, user: self.user.as_str().into(), role, credentials };
        let max = Limits::default().accounts_per_organisation_max;
        match store.create_account(&new, max, by).await.map_err(Failure::of)? {
            Creation::Created(account) => Ok(account),
            Creation::Exists => Err(Failure::Failed(format!(
                "the account {} is there already; --reset gives it a new password",
                self.user
            ))),
            Creation::TooMany => {
                Err(Failure::Failed("there are as many accounts as may be".into()))
            }
            Creation::NoOrganisation => Err(no_organisation(organisation)),
        }
    }

    async fn change(
        &self,
        store: &dyn Store,
        organisation: Option<OrganisationId>,
        change: &AccountChange,
        by: &By,
    ) -> Result<Account, Failure> {
        let changing = store.change_account(organisation, &self.user, None, change, by);
        match changing.await.map_err(Failure::of)? {
            Changing::Done(account) => Ok(account),
            Changing::Unknown | Changing::Changed => {
                Err(Failure::Failed(format!("there is no account {}", self.user)))
            }
        }
    }
}

fn no_organisation(organisation: Option<OrganisationId>) -> Failure {
    let number = organisation.map(|number| number.to_string()).unwrap_or_default();
    let hint = "an operator (--operator) creates it over the API of a running broker";
    Failure::Failed(format!("there is no organisation {number} yet: {hint}"))
}

fn named(account: &Account) -> String {
    let home = account.organisation;
    let home = home.map_or_else(String::new, |number| format!(" of organisation {number}"));
    format!("the {} {}{home}", account.role, account.user)
}

/// What happened, and what an authenticator app is to be told.
fn told(what: &str, account: &Account) -> String {
    let secret = account.credentials.second_factor;
    let uri = secret.uri(&account.user);
    let picture = picture(&uri).unwrap_or_default();
    format!(
        "{what}: {}\n\
         The second factor is told once, here. Scan it with an authenticator app, or type the secret in.\n\
         \n{picture}\nsecret: {}\nuri: {uri}",
        named(account),
        secret.base32()
    )
}

/// A QR code of half blocks; light on dark, as most terminals are. `None` for what does not fit into one.
fn picture(uri: &str) -> Option<String> {
    let code = QrCode::new(uri).ok()?;
    let mut renderer = code.render::<Dense1x2>();
    Some(renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::password;
    use crate::store::Accounts as _;
    use crate::store::sqlite::SqliteStore;
    use clap::Parser;
    use std::path::Path;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        user: UserArgs,
    }

    fn parse(arguments: &[&str]) -> Result<UserArgs, clap::Error> {
        let arguments = ["user"].iter().chain(arguments);
        Command::try_parse_from(arguments).map(|command| command.user)
    }

    /// In a folder that has a database and a file with a password.
    async fn run(folder: &Path, arguments: &[&str]) -> Result<String, Failure> {
        let mut user = parse(arguments).expect("arguments that parse");
        user.database = Some(format!("sqlite://{}", folder.join("broker.db").display()));
        user.password_file = Some(folder.join("password"));
        user.run(&Clock::system()).await
    }

    fn folder(password: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("password"), password).expect("written");
        folder
    }

    async fn kept(folder: &Path, user: &str) -> Option<Account> {
        let path = folder.join("broker.db").display().to_string();
        let store = SqliteStore::open(&path, catalogue_file::built_in()).await.expect("a store");
        store.account(None, user).await.expect("read")
    }

    #[tokio::test]
    async fn the_first_operator_needs_nothing_but_a_place_to_be_kept() {
        let folder = folder("correct horse battery\n");
        let text = run(folder.path(), &["--operator", "--user", "root"]).await.expect("created");
        let account = kept(folder.path(), "root").await.expect("an account");
        assert_eq!((account.role, account.organisation), (Role::Operator, None));
        let credentials = &account.credentials;
        assert!(password::is_right(Some(&credentials.password), "correct horse battery"));
        assert!(text.starts_with("created: the operator root\n"), "{text}");
        assert!(text.contains(&credentials.second_factor.uri("root")), "{text}");
        assert!(text.contains('█') && text.contains(&credentials.second_factor.base32()), "{text}");
        assert!(!text.contains("correct horse"), "{text}");
    }

    #[tokio::test]
    async fn an_account_that_is_there_is_reset_and_not_made_twice() {
        let folder = folder("correct horse battery");
        let arguments = ["--operator", "--user", "root"];
        run(folder.path(), &arguments).await.expect("created");
        let first = kept(folder.path(), "root").await.expect("an account");
        let refused = run(folder.path(), &arguments).await.expect_err("taken");
        assert!(matches!(&refused, Failure::Failed(why) if why.contains("--reset")), "{refused:?}");
        std::fs::write(folder.path().join("password"), "another long password").expect("written");
        let arguments = ["--operator", "--user", "root", "--reset"];
        run(folder.path(), &arguments).await.expect("reset");
        let second = kept(folder.path(), "root").await.expect("an account");
        assert!(password::is_right(Some(&second.credentials.password), "another long password"));
        assert_ne!(first.credentials.second_factor, second.credentials.second_factor);
        let nobody = run(folder.path(), &["--operator", "--user", "nobody", "--reset"]).await;
        assert_eq!(nobody, Err(Failure::Failed("there is no account nobody".to_owned())));
    }

    #[tokio::test]
    async fn an_account_is_deleted_without_a_password() {
        let folder = folder("correct horse battery");
        run(folder.path(), &["--operator", "--user", "root"]).await.expect("created");
        std::fs::remove_file(folder.path().join("password")).expect("removed");
        let arguments = ["--operator", "--user", "root", "--delete"];
        let told = run(folder.path(), &arguments).await;
        assert_eq!(told, Ok("deleted: the operator root".to_owned()));
        assert_eq!(kept(folder.path(), "root").await, None);
    }

    #[tokio::test]
    async fn an_organisation_that_there_is_not_is_named() {
        let folder = folder("correct horse battery");
        let refused = run(folder.path(), &["--organisation", "129", "--user", "alice"]).await;
        assert!(matches!(&refused, Err(Failure::Failed(why)) if why.contains("organisation 129")));
    }

    #[tokio::test]
    async fn a_store_that_a_broker_has_open_is_left_alone() {
        let folder = folder("correct horse battery");
        let path = folder.path().join("broker.db").display().to_string();
        let running = SqliteStore::open(&path, catalogue_file::built_in()).await.expect("a store");
        let refused = run(folder.path(), &["--operator", "--user", "root"]).await;
        assert!(matches!(&refused, Err(Failure::Failed(why)) if why.contains("another broker")));
        assert_eq!(running.account(None, "root").await.expect("read"), None);
    }

    #[tokio::test]
    async fn a_short_password_is_refused_before_anything_is_kept() {
        let folder = folder("short");
        let refused = run(folder.path(), &["--operator", "--user", "root"]).await;
        assert!(matches!(&refused, Err(Failure::Failed(why)) if why.contains("12 characters")));
        assert_eq!(kept(folder.path(), "root").await, None);
    }

    #[test]
    fn an_account_has_one_home_and_a_role_that_fits_it() {
        for wrong in [
            &["--user", "alice"][..],
            &["--user", "alice", "--operator", "--organisation", "129"],
            &["--user", "alice", "--operator", "--role", "admin"],
            &["--user", "alice", "--organisation", "129", "--role", "operator"],
            &["--user", "alice", "--organisation", "129", "--role", "admin", "--reset"],
            &["--organisation", "129"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        let user = parse(&["--user", "alice", "--organisation", "0"]).expect("parses");
        assert!(matches!(user.home(), Err(Failure::Usage(_))));
    }
}
