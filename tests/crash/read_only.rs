//! A place that may not be written, when a broker starts: one line that says so.

use crate::child::Home;
use crate::troubles::{FailingCalls, Trouble, namespace};

#[tokio::test]
async fn a_directory_on_a_read_only_file_system_is_told_at_the_start() {
    let mut home = Home::new();
    home.start().await.kill();
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && echo made \
                  && exec cat";
    let place = home.folder().to_str().unwrap().to_owned();
    let Some((mut keeper, launch)) = namespace(&[script, &place]) else { return };
    home.launch = launch;
    let said = home.start_in_vain().await;
    assert!(said.contains("it.db") && said.contains("Read-only file system"), "{said}");
    keeper.kill().unwrap();
    keeper.wait().unwrap();
}

#[tokio::test]
async fn a_full_disk_at_the_start_is_told_and_the_next_start_finds_everything() {
    let (mut full, home) = FailingCalls::home("write", libc::ENOSPC);
    let process = home.start().await;
    home.organisation(1, 2, 2).await;
    let (_plain, _) = home.log_in(1, 0, 0).await;
    full.begin(&process);
    process.kill();
    let said = home.start_in_vain().await;
    assert!(said.contains("it.db") && said.contains("its disk is full"), "{said}");
    full.mend();
    let process = home.start().await;
    let records = home.operator.usage(1).await;
    assert_eq!(records.len(), 6, "granted, and released by the restart: {records:?}");
    home.check().await;
    process.kill();
}
