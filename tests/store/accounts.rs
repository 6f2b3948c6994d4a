//! Accounts: kept for one organisation, signed in to one after the other, told to the audit.

use crate::fixture::{
    ALL, Backend, at, batch, commit, cursors, id, open, open_with_129, settings, user, user_saved,
};
use licence_broker::auth::Role;
use licence_broker::auth::account::{Account, Credentials, Evidence, Standing, Verdict};
use licence_broker::auth::password::PasswordHash;
use licence_broker::auth::second_factor::TotpSecret;
use licence_broker::domain::audit::Author;
use licence_broker::domain::event::Event;
use licence_broker::domain::reason::UserStatus;
use licence_broker::domain::user::UserRecord;
use licence_broker::store::accounts::{AccountChange, By, Changing, Creation, NewAccount, SignIn};
use licence_broker::store::{AuditFilter, AuditRow, Page, Range, Store};
use serde_json::json;
use std::sync::Arc;

/// More accounts than any test makes.
const MAX: u32 = 100;

fn by(actor: &str, seconds: i64) -> By {
    By { author: Author { name: actor.into(), role: "admin" }, at: at(seconds) }
}

/// No hash of anything: the store believes whoever looked at the password.
fn credentials(mark: u8) -> Credentials {
    let secret = TotpSecret::kept(&[mark; 20]).expect("twenty bytes");
    Credentials { password: PasswordHash::kept(&format!("hash {mark}")), second_factor: secret }
}

fn new(organisation: Option<u64>, name: &str) -> NewAccount {
    NewAccount {
        organisation: organisation.map(id),
        user: name.into(),
        role: if organisation.is_some() { Role::Admin } else { Role::Operator },
        credentials: credentials(1),
    }
}

async fn create(store: &dyn Store, new: &NewAccount) -> Account {
    match store.create_account(new, MAX, &by("root", 1)).await.expect("answered") {
        Creation::Created(account) => account,
        refused @ (Creation::Exists | Creation::TooMany | Creation::NoOrganisation) => {
            panic!("{refused:?}")
        }
    }
}

async fn kept(store: &dyn Store, organisation: Option<u64>, name: &str) -> Option<Account> {
    store.account(organisation.map(id), name).await.expect("read")
}

async fn change(store: &dyn Store, name: &str, change: &AccountChange) -> Account {
    let changing = store.change_account(Some(id(129)), name, None, change, &by("bob", 9)).await;
    match changing.expect("answered") {
        Changing::Done(account) => account,
        refused @ (Changing::Unknown | Changing::Changed) => panic!("{refused:?}"),
    }
}

fn sign_in(organisation: Option<u64>, name: &str, password: bool, step: Option<u64>) -> SignIn {
    SignIn {
        organisation: organisation.map(id),
        user: name.into(),
        credentials: Some(credentials(1)),
        evidence: Evidence { is_password_right: password, step },
        at: at(5),
    }
}

async fn try_alice(store: &dyn Store, password: bool, step: Option<u64>) -> Verdict {
    store.sign_in(&sign_in(Some(129), "alice", password, step)).await.expect("answered")
}

async fn audit(store: &dyn Store, filter: &AuditFilter) -> Vec<AuditRow> {
    let page = store.audit_page(id(129), filter, ALL).await.expect("a page");
    page.into_iter().map(|stored| stored.row).collect()
}

async fn with_alice(backend: &dyn Backend) -> Arc<dyn Store> {
    let store = open_with_129(backend).await;
    create(&*store, &new(Some(129), "alice")).await;
    store
}

pub(crate) async fn an_account_is_read_as_it_was_created(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    assert!(store.create_organisation(&settings(130), None).await.expect("created"));
    let account = create(&*store, &new(Some(129), "alice")).await;
    let expected = Account {
        organisation: Some(id(129)),
        user: "alice".into(),
        role: Role::Admin,
        credentials: credentials(1),
        standing: Standing::default(),
        created_at: at(1),
        version: 1,
    };
    assert_eq!(account, expected);
    drop(store);
    let store = open(backend).await;
    assert_eq!(kept(&*store, Some(129), "alice").await, Some(expected));
    for (organisation, name) in [(Some(130), "alice"), (None, "alice"), (Some(129), "Alice")] {
        assert_eq!(kept(&*store, organisation, name).await, None);
    }
}

pub(crate) async fn a_login_name_is_taken_within_its_organisation_alone(backend: &dyn Backend) {
    let store = with_alice(backend).await;
    assert!(store.create_organisation(&settings(130), None).await.expect("created"));
    for other in [new(Some(130), "alice"), new(None, "alice")] {
        assert_eq!(create(&*store, &other).await.organisation, other.organisation);
    }
    for taken in [new(Some(129), "alice"), new(Some(130), "alice"), new(None, "alice")] {
        let creation = store.create_account(&taken, MAX, &by("root", 2)).await;
        assert_eq!(creation.expect("answered"), Creation::Exists);
    }
    let nowhere = store.create_account(&new(Some(131), "alice"), MAX, &by("root", 2)).await;
    assert_eq!(nowhere.expect("answered"), Creation::NoOrganisation);
    let third = store.create_account(&new(Some(129), "bob"), 1, &by("root", 2)).await;
    assert_eq!(third.expect("answered"), Creation::TooMany);
}

pub(crate) async fn accounts_are_listed_page_by_page(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    create(&*store, &new(None, "root")).await;
    for name in ["carol", "alice", "bob"] {
        create(&*store, &new(Some(129), name)).await;
    }
    let all = store.accounts_page(id(129), ALL).await.expect("a page");
    let names: Vec<&str> = all.iter().map(|stored| &*stored.row.user).collect();
    assert_eq!(names, ["carol", "alice", "bob"]);
    let after = cursors(&all)[0];
    let page = store.accounts_page(id(129), Page { after, limit: 1 }).await.expect("a page");
    assert_eq!(page, all[1..2]);
    assert!(store.accounts_page(id(130), ALL).await.expect("a page").is_empty());
}

pub(crate) async fn an_account_is_changed_only_in_the_version_that_is_expected(
    backend: &dyn Backend,
) {
    let store = with_alice(backend).await;
    let role = AccountChange::Role(Role::Supervisor);
    let bob = by("bob", 2);
    let expecting = async |version| {
        let changing = store.change_account(Some(id(129)), "alice", version, &role, &bob);
        changing.await.expect("answered")
    };
    assert_eq!(expecting(Some(2)).await, Changing::Changed);
    let Changing::Done(changed) = expecting(Some(1)).await else { panic!("the version is 1") };
    assert_eq!((changed.role, changed.version), (Role::Supervisor, 2));
    assert_eq!(kept(&*store, Some(129), "alice").await, Some(changed));
    let unknown = store.change_account(None, "alice", None, &AccountChange::Delete, &bob);
    assert_eq!(unknown.await.expect("answered"), Changing::Unknown);
    change(&*store, "alice", &AccountChange::Delete).await;
    assert_eq!(kept(&*store, Some(129), "alice").await, None);
    create(&*store, &new(Some(129), "alice")).await;
}

pub(crate) async fn a_code_signs_in_once(backend: &dyn Backend) {
    let store = with_alice(backend).await;
    assert_eq!(try_alice(&*store, true, Some(7)).await, Verdict::Accepted);
    assert_eq!(try_alice(&*store, true, Some(7)).await, Verdict::Refused);
    assert_eq!(try_alice(&*store, true, Some(6)).await, Verdict::Refused);
    assert_eq!(try_alice(&*store, true, Some(8)).await, Verdict::Accepted);
    let account = kept(&*store, Some(129), "alice").await.expect("an account");
    assert_eq!((account.standing.last_step, account.version), (Some(8), 1));
}

pub(crate) async fn of_many_sign_ins_at_once_one_code_lets_one_in(backend: &dyn Backend) {
    let store = with_alice(backend).await;
    let tries = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { try_alice(&*store, true, Some(7)).await })
    });
    let tries: Vec<_> = tries.collect();
    let mut accepted = 0;
    for verdict in tries {
        accepted += usize::from(verdict.await.expect("no panic") == Verdict::Accepted);
    }
    assert_eq!(accepted, 1);
}

pub(crate) async fn the_fifth_wrong_sign_in_locks_even_if_all_come_at_once(backend: &dyn Backend) {
    let store = with_alice(backend).await;
    let tries = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { try_alice(&*store, false, Some(7)).await })
    });
    let tries: Vec<_> = tries.collect();
    let mut locked = 0;
    for verdict in tries {
        locked += usize::from(verdict.await.expect("no panic") == Verdict::RefusedAndLocked);
    }
    assert_eq!(locked, 1);
    assert_eq!(try_alice(&*store, true, Some(7)).await, Verdict::Locked);
    let account = kept(&*store, Some(129), "alice").await.expect("an account");
    assert_eq!((account.standing.locked_at, account.version), (Some(at(5)), 2));
    let of = AuditFilter { action: Some("account.locked".to_owned()), ..AuditFilter::default() };
    let records = audit(&*store, &of).await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!((&*records[0].actor, &*records[0].role), ("alice", "admin"));
}

pub(crate) async fn a_reset_unlocks_and_gives_what_it_was_asked_for(backend: &dyn Backend) {
    let store = with_alice(backend).await;
    assert_eq!(try_alice(&*store, true, Some(7)).await, Verdict::Accepted);
    for _ in 0..5 {
        try_alice(&*store, false, None).await;
    }
    let unlock = AccountChange::Reset { password: None, second_factor: None };
    let account = change(&*store, "alice", &unlock).await;
    let expected = Standing { last_step: Some(7), ..Standing::default() };
    assert_eq!((account.standing, &account.credentials), (expected, &credentials(1)));
    assert_eq!(try_alice(&*store, true, Some(7)).await, Verdict::Refused, "it was used before");
    assert_eq!(try_alice(&*store, true, Some(8)).await, Verdict::Accepted);
    let other = credentials(2);
    let renew = AccountChange::Reset {
        password: Some(other.password.clone()),
        second_factor: Some(other.second_factor),
    };
    let account = change(&*store, "alice", &renew).await;
    assert_eq!((account.credentials, account.standing), (other, Standing::default()));
}

pub(crate) async fn a_sign_in_that_was_held_against_old_credentials_is_refused(
    backend: &dyn Backend,
) {
    let store = with_alice(backend).await;
    let other = AccountChange::Password(credentials(2).password);
    change(&*store, "alice", &other).await;
    assert_eq!(try_alice(&*store, true, Some(7)).await, Verdict::Refused);
    let account = kept(&*store, Some(129), "alice").await.expect("an account");
    assert_eq!(account.standing, Standing::default(), "it is not counted against the new password");
    let unknown = SignIn { credentials: None, ..sign_in(Some(129), "nobody", false, None) };
    assert_eq!(store.sign_in(&unknown).await.expect("answered"), Verdict::Refused);
}

pub(crate) async fn whose_user_is_not_active_does_not_get_in(backend: &dyn Backend) {
    let store = with_alice(backend).await;
    create(&*store, &new(None, "alice")).await;
    let mut step = 0;
    let statuses = [
        (UserStatus::Active, Verdict::Accepted),
        (UserStatus::Suspended, Verdict::Refused),
        (UserStatus::PreActive, Verdict::Refused),
        (UserStatus::Active, Verdict::Accepted),
    ];
    for (status, expected) in statuses {
        step += 1;
        let saved = Event::UserSaved(UserRecord { status, ..user("alice") });
        commit(&*store, step, 1, vec![saved]).await;
        assert_eq!(try_alice(&*store, true, Some(step)).await, expected, "{status:?}");
        let operator = sign_in(None, "alice", true, Some(step));
        let verdict = store.sign_in(&operator).await.expect("answered");
        assert_eq!(verdict, Verdict::Accepted, "an operator is no user of the organisation");
    }
}

pub(crate) async fn a_later_organisation_with_the_same_number_has_none_of_the_accounts(
    backend: &dyn Backend,
) {
    let store = with_alice(backend).await;
    commit(&*store, 1, 2, vec![Event::OrganisationRemoved { at: at(2) }]).await;
    let is_gone = async |store: &dyn Store| {
        assert_eq!(kept(store, Some(129), "alice").await, None);
        assert_eq!(try_alice(store, true, Some(7)).await, Verdict::Refused);
        assert!(store.accounts_page(id(129), ALL).await.expect("a page").is_empty());
        assert!(audit(store, &AuditFilter::default()).await.is_empty());
    };
    is_gone(&*store).await;
    assert!(store.create_organisation(&settings(129), None).await.expect("the number is free"));
    is_gone(&*store).await;
    store.commit(&[batch(129, 1, at(3), vec![user_saved("alice")])]).await.expect("committed");
    create(&*store, &new(Some(129), "alice")).await;
}

pub(crate) async fn every_change_of_an_account_is_in_the_audit_without_its_secrets(
    backend: &dyn Backend,
) {
    let store = with_alice(backend).await;
    create(&*store, &new(None, "root")).await;
    change(&*store, "alice", &AccountChange::Role(Role::Supervisor)).await;
    change(&*store, "alice", &AccountChange::Password(credentials(1).password)).await;
    let renew =
        AccountChange::Reset { password: None, second_factor: Some(credentials(1).second_factor) };
    change(&*store, "alice", &renew).await;
    change(&*store, "alice", &AccountChange::Delete).await;
    let supervisor = json!({"role": "supervisor", "locked_at": null});
    let expected = [
        ("root", "account.created", None, Some(json!({"role": "admin", "locked_at": null}))),
        (
            "bob",
            "account.changed",
            Some(json!({"role": "admin", "locked_at": null})),
            Some(supervisor.clone()),
        ),
        (
            "bob",
            "account.changed",
            Some(supervisor.clone()),
            Some(json!({"role": "supervisor", "locked_at": null, "password": "replaced"})),
        ),
        (
            "bob",
            "account.reset",
            Some(supervisor.clone()),
            Some(json!({"role": "supervisor", "locked_at": null, "second_factor": "replaced"})),
        ),
        ("bob", "account.deleted", Some(supervisor), None),
    ];
    let told: Vec<_> = audit(&*store, &AuditFilter::default())
        .await
        .into_iter()
        .map(|row| {
            assert_eq!((&*row.target, &*row.role), ("alice", "admin"));
            (row.actor, row.action, row.before, row.after)
        })
        .collect();
    let expected = expected
        .map(|(actor, action, before, after)| (actor.to_owned(), action.to_owned(), before, after));
    assert_eq!(told, expected);
}

pub(crate) async fn the_audit_is_read_page_by_page_and_filtered(backend: &dyn Backend) {
    let store = open_with_129(backend).await;
    // The instants go back now and then: what was decided first may be kept last.
    for (seconds, name) in [(3, "alice"), (1, "bob"), (2, "carol"), (4, "dave")] {
        let actor = if name == "bob" { "ann" } else { "root" };
        let created = store.create_account(&new(Some(129), name), MAX, &by(actor, seconds)).await;
        assert!(matches!(created, Ok(Creation::Created(_))));
    }
    let all = store.audit_page(id(129), &AuditFilter::default(), ALL).await.expect("a page");
    let (mut read, mut after) = (Vec::new(), 0);
    while let page = store.audit_page(id(129), &AuditFilter::default(), Page { after, limit: 1 })
        && let Some(stored) = page.await.expect("a page").pop()
    {
        after = stored.cursor;
        read.push(stored);
    }
    assert_eq!(read, all);
    let text = |text: &str| Some(text.to_owned());
    let range = Range { from: Some(at(2)), to: Some(at(4)) };
    let none = AuditFilter::default;
    for (filter, expected) in [
        (none(), &["alice", "bob", "carol", "dave"][..]),
        (AuditFilter { actor: text("ann"), ..none() }, &["bob"]),
        (AuditFilter { target: text("dave"), ..none() }, &["dave"]),
        (AuditFilter { action: text("account.created"), range, ..none() }, &["alice", "carol"]),
        (AuditFilter { action: text("account.deleted"), ..none() }, &[]),
    ] {
        let rows = audit(&*store, &filter).await;
        let targets: Vec<&str> = rows.iter().map(|row| &*row.target).collect();
        assert_eq!(targets, expected, "{filter:?}");
    }
}
