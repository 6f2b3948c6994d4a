//! A place that may not be written, when a broker starts: one line that says so.

use crate::child::{Home, Launch};
use crate::troubles::{SmallDisk, namespace};
use tempfile::TempDir;

#[tokio::test]
async fn a_directory_on_a_read_only_file_system_is_told_at_the_start() {
    let folder = TempDir::new().unwrap();
    let home = Home::with(folder, "it.db", Launch::default());
    home.start().await.kill();
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && echo made \
                  && exec cat";
    let place = home.folder().to_str().unwrap().to_owned();
    let Some((mut keeper, launch)) = namespace(&[script, &place]) else { return };
    let home = home.launched(launch);
    let said = home.start_in_vain().await;
    assert!(said.contains("it.db") && said.contains("Read-only file system"), "{said}");
    keeper.kill().unwrap();
    keeper.wait().unwrap();
}

#[tokio::test]
async fn a_full_disk_at_the_start_is_told_and_the_next_start_finds_everything() {
    let Some((disk, home)) = SmallDisk::home() else { return };
    let process = home.start().await;
    home.organisation(1, 2, 2).await;
    let (_plain, _) = home.log_in(1, 0, 0).await;
    process.kill();
    disk.fill();
    let said = home.start_in_vain().await;
    assert!(said.contains("it.db") && said.contains("its disk is full"), "{said}");
    disk.make_room();
    let process = home.start().await;
    let records = home.operator.usage(1).await;
    assert_eq!(records.len(), 8, "granted, and released by the restart: {records:?}");
    home.check().await;
    process.kill();
}

impl Home {
    /// The same place, in other circumstances.
    fn launched(self, launch: Launch) -> Self {
        Self { launch, ..self }
    }
}
