//! The commands as an operator runs them: what they print, and how they exit.

use crate::busy::{Busy, raw};
use crate::support::postgres::Server;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(folder: &Path, arguments: &[&str], input: Stdio) -> Output {
    Command::new(env!("CARGO_BIN_EXE_licence-broker"))
        .current_dir(folder)
        .args(arguments)
        .stdin(input)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn the_commands_say_what_they_did_and_exit_with_their_codes() {
    let (folder, _) = Busy::everything().await.halt().await;
    let folder = folder.path();
    let database = ["--database", "sqlite://test.db"];
    let checked = run(folder, &[&["check"][..], &database].concat(), Stdio::null());
    let said = text(&checked.stdout);
    assert!(checked.status.success() && said.contains("0 broken, 0 warnings"), "{said}");

    let backup = [&["backup", "--to", "copy.db"][..], &database].concat();
    assert!(run(folder, &backup, Stdio::null()).status.success());
    let refused = run(folder, &backup, Stdio::null());
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("copy.db: the file exists"), "{refused:?}");

    let export = [&["export", "--organisation", "129"][..], &database].concat();
    let exported = run(folder, &export, Stdio::null());
    assert!(exported.status.success(), "{exported:?}");
    std::fs::write(folder.join("129.ndjson"), &exported.stdout).unwrap();
    let input = || Stdio::from(std::fs::File::open(folder.join("129.ndjson")).unwrap());
    let import = ["import", "--as", "130", "--database", "sqlite://copy.db"];
    let imported = run(folder, &import, input());
    assert!(text(&imported.stdout).starts_with("organisation 130: "), "{imported:?}");
    let refused = run(folder, &import, input());
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("line 1: organisation 130 exists"), "{refused:?}");
    assert_eq!(
        run(folder, &["export", "--organisation", "0"], Stdio::null()).status.code(),
        Some(2)
    );

    let broken = "DELETE FROM base_units";
    sqlx::raw_sql(broken).execute(&mut raw(&folder.join("test.db")).await).await.unwrap();
    let checked = run(folder, &[&["check"][..], &database].concat(), Stdio::null());
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(&checked.stdout).contains("broken: users a of organisation 129"), "{checked:?}");
}

#[tokio::test]
async fn a_command_moves_a_store_into_a_servers_database_and_others_work_on_it_there() {
    let Some(server) = Server::shared() else { return };
    let (folder, _) = Busy::everything().await.halt().await;
    let folder = folder.path();
    let url = server.new_database().await;
    let moved = run(folder, &["migrate-store", "sqlite://test.db", &url], Stdio::null());
    assert!(moved.status.success(), "{moved:?}");
    assert!(text(&moved.stdout).contains("verified on both sides"), "{moved:?}");
    let again = run(folder, &["migrate-store", "sqlite://test.db", &url], Stdio::null());
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("it is not empty"), "{again:?}");
    let checked = run(folder, &["check", "--database", &url], Stdio::null());
    assert!(checked.status.success(), "{checked:?}");
    assert!(text(&checked.stdout).contains("0 broken, 0 warnings"), "{checked:?}");
    let export = |database| ["export", "--organisation", "129", "--database", database];
    let rows =
        |database| text(&run(folder, &export(database), Stdio::null()).stdout).lines().count();
    assert_eq!(rows(&url), rows("sqlite://test.db"));
    std::fs::write(folder.join("password"), "a long enough password\n").unwrap();
    let user = ["user", "--organisation", "129", "--user", "moved", "--password-file", "password"];
    let made = run(folder, &[&user[..], &["--database", &url]].concat(), Stdio::null());
    assert!(made.status.success(), "{made:?}");
    for command in [&["backup", "--to", "copy.db"][..], &["import"]] {
        let refused = run(folder, &[command, &["--database", &url]].concat(), Stdio::null());
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains("SQLite file"), "{refused:?}");
    }
}

#[test]
fn what_a_move_is_made_of_must_be_a_file_and_a_database() {
    let folder = tempfile::TempDir::new().unwrap();
    for (from, to) in [
        ("postgres://broker@db/x", "sqlite://x.db"),
        ("sqlite://a.db", "sqlite://b.db"),
        ("postgres://broker@db/x", "postgres://broker@db/y"),
    ] {
        let refused = run(folder.path(), &["migrate-store", from, to], Stdio::null());
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }
}

#[test]
fn what_a_command_needs_to_know_its_help_says() {
    let folder = tempfile::TempDir::new().unwrap();
    for (command, words) in [
        ("check", &["Exit codes: 0", "1 one is broken"][..]),
        ("backup", &["Exit codes: 0", "password hashes"]),
        ("export", &["Exit codes: 0", "password hashes", "resumed with"]),
        ("import", &["Exit codes: 0", "Password hashes"]),
        ("migrate-store", &["Exit codes: 0", "must be stopped", "verified"]),
    ] {
        let help = run(folder.path(), &[command, "--help"], Stdio::null());
        let said = text(&help.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(said.contains(word), "{command}: `{word}` in\n{said}");
        }
    }
}

#[test]
fn what_a_broker_cannot_start_with_is_named_with_its_setting() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("short"), "guess").unwrap();
    for (arguments, code, named) in [
        (&["--jwt-secret-file", "none"][..], 1, "jwt_secret_file: none: "),
        (&["--jwt-secret-file", "short"], 1, "jwt_secret_file: short: "),
        (&["--jwks", "none.json"], 1, "jwks: none.json: "),
        (&["--jwks", "ftp://localhost/keys.json"], 2, "jwks (from the flag"),
        (&["--data-dir", "short/data"], 1, "data_dir: short/data: "),
        (&["--catalogue", "none.toml"], 1, "catalogue: cannot read none.toml: "),
    ] {
        let serve = ["serve", "--listen", "127.0.0.1:0"];
        let refused = run(folder.path(), &[&serve, arguments].concat(), Stdio::null());
        assert_eq!(refused.status.code(), Some(code), "{refused:?}");
        assert!(text(&refused.stderr).contains(named), "{named}: {refused:?}");
    }
}

#[test]
fn a_failure_that_nobody_reads_still_exits_with_its_code() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_licence-broker"));
    command.args(["check", "--database", "sqlite://nowhere/none.db"]).stderr(writer);
    assert_eq!(command.status().unwrap().code(), Some(1));
}
