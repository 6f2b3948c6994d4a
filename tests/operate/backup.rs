//! `backup`: a copy of a store that a broker is writing to.

use crate::busy::{Busy, an_hour_before_the_turn, findings, number};
use licence_broker::store::sqlite::backup::backup;
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn a_copy_of_a_running_store_has_everything_that_was_answered_before() {
    let mut busy = Busy::start(an_hour_before_the_turn()).await;
    busy.set_up().await;
    for round in 0..4 {
        for (user, device) in [("a", "agent_desktop"), ("b", "deskphone"), ("c", "deskphone")] {
            busy.stay(129, user, json!({ "device": device })).await;
        }
        let answered = busy.operator.usage(129).await.len() as i64;
        let copy = busy.folder.path().join(format!("copy-{round}.db"));
        let database = busy.broker.database.display().to_string();
        // Logins go on while the copy is made.
        let (done, more) = tokio::join!(
            backup(&database, &copy),
            busy.log_in(129, "d", json!({ "device": "deskphone" })),
        );
        assert_eq!(more.1["type"], "logged_in", "{}", more.1);
        assert_eq!(done.unwrap().bytes, std::fs::metadata(&copy).unwrap().len());
        let copied = number(&copy, "SELECT count(*) FROM usage").await;
        assert!(copied >= answered, "{copied} < {answered}");
        assert_eq!(findings(&copy).await.0, []);
        busy.open.push(more.0);
    }
    let mode = std::fs::metadata(busy.folder.path().join("copy-0.db")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600, "for its owner alone");
}

#[tokio::test]
async fn a_file_that_exists_is_never_overwritten() {
    let busy = Busy::start(an_hour_before_the_turn()).await;
    let copy = busy.folder.path().join("copy.db");
    std::fs::write(&copy, "something dear").unwrap();
    let database = busy.broker.database.display().to_string();
    let refused = backup(&database, &copy).await.expect_err("refused").to_string();
    assert!(refused.contains("copy.db: the file exists"), "{refused}");
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), "something dear");
}

#[tokio::test]
async fn what_fails_leaves_nothing_behind() {
    let busy = Busy::start(an_hour_before_the_turn()).await;
    let folder = tempfile::TempDir::new().unwrap();
    let copy = folder.path().join("copy.db");
    let missing = folder.path().join("missing.db").display().to_string();
    let refused = backup(&missing, &copy).await.expect_err("refused").to_string();
    assert!(refused.contains("missing.db: there is no such file"), "{refused}");
    let beyond = folder.path().join("not/there/copy.db");
    let database = busy.broker.database.display().to_string();
    let refused = backup(&database, &beyond).await.expect_err("refused").to_string();
    assert!(refused.contains("not/there"), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
