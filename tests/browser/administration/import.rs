//! Many users from a file.

use super::office::{LANGUAGES, Office};
use reqwest::Method;
use serde_json::json;
use std::path::PathBuf;
use tempfile::TempDir;

const FILE: &str = "user,name,status,user_type,features,shoe size\r\n\
    nora,Nora Quist,active,inbound_agent,agent_email;agent_sms,38\r\n\
    otto,Otto,gone,inbound_agent,agent_email,44\r\n\
    \"pim\",\"Pim, \"\"the\"\" one\",active,inbound_agent,agent_fax,40\r\n\
    nora,Nora again,active,inbound_agent,,38\r\n\
    attic,Attic telephone,active,meeting_room,user_voicemail,\r\n\
    cellar,Cellar telephone,active,meeting_room,user_voicemail,\r\n\
    shed,Shed telephone,active,meeting_room,user_voicemail,\r\n";

/// A file that is there as long as the test.
struct File {
    _folder: TempDir,
    path: PathBuf,
}

impl File {
    fn new(name: &str, content: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        Self { _folder: folder, path }
    }
}

impl Office {
    async fn chooses_file(&self, file: &File) {
        self.browser().sees(".import-input").await;
        self.browser().types(".import-input", &file.path.display().to_string()).await;
        // Until then it must be there to be read.
        let name = file.path.file_name().unwrap().to_string_lossy();
        self.browser().reads(".import-summary", &name).await;
    }

    async fn users(&self) -> usize {
        let users = self.broker().call(Method::GET, "users?limit=1000", None).await;
        users["items"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn a_file_is_looked_at_refused_as_a_whole_and_taken_in_part_with_a_report_of_each_line() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "users?view=import").await else {
            return;
        };
        let page = office.browser();
        page.keeps_what_is_saved().await;
        let before = office.users().await;
        let file = File::new("people.csv", FILE.as_bytes());
        office.chooses_file(&file).await;
        page.reads(".import-summary", "people.csv").await;
        page.reads(".notes", "shoe size").await;
        page.reads(
            "tr",
            office.says("“gone” is not a status", "「gone」というステータスはありません"),
        )
        .await;
        page.reads(
            "tr",
            office.says("The user stands on line 2 already", "同じユーザーが2行目にもあります"),
        )
        .await;
        page.reads("tr[data-key=\"4\"]", "Pim, \"the\" one").await;
        assert_eq!(office.users().await, before, "nothing is sent before it was looked at");

        page.clicks("#import-submit").await;
        page.reads(
            "#import-report",
            office.says("Nothing was changed", "何も変更されませんでした"),
        )
        .await;
        assert_eq!(office.users().await, before);

        page.clicks("[name=atomic][value=false]").await;
        page.clicks("#import-submit").await;
        page.reads(
            "#import-report",
            office.says("Imported: 3. Rejected: 4.", "3人をインポートし、4行を却下しました"),
        )
        .await;
        page.reads(
            "tr",
            office.says(
                "No fixed seat of Meeting Room is left",
                "会議室の固定座席に空きがありません",
            ),
        )
        .await;
        assert_eq!(office.users().await, before + 3);

        page.clicks("#import-save-rejected").await;
        let (name, text) = page.saved().await;
        assert_eq!(name, "people-rejected.csv");
        let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
        let users: Vec<&str> = lines.iter().filter_map(|line| line.split(',').next()).collect();
        assert_eq!(
            users,
            ["user", "otto", "\"pim\"", "nora", "shed"],
            "in the order of the report"
        );
        office.close_after(1).await;
    }
}

#[tokio::test]
async fn a_whole_file_is_taken_and_its_users_are_in_the_list() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "users?view=import").await else {
            return;
        };
        let page = office.browser();
        let lines = format!(
            "{}\n\n{}\n",
            json!({"user": "nora", "name": "Nora Quist", "user_type": "inbound_agent", "features": ["agent_email"]}),
            json!({"user": "edred", "user_type": "supervisor", "status": "suspended"}),
        );
        office.chooses_file(&File::new("people.ndjson", lines.as_bytes())).await;
        page.reads(".import-summary", "JSON").await;
        page.clicks("#import-submit").await;
        page.reads("#import-report", office.says("Imported: 2.", "2人をインポートしました")).await;
        office.goes("users").await;
        page.reads("tr[data-key=nora]", "Nora Quist").await;
        page.reads("tr[data-key=edred]", office.says("Suspended", "停止中")).await;
        office.stage.close().await;
    }
}

#[tokio::test]
async fn a_file_of_a_japanese_spreadsheet_is_read_as_what_it_is_and_says_so() {
    let Some(office) = Office::open(LANGUAGES[1], "admin", "users?view=import").await else {
        return;
    };
    let page = office.browser();
    // 山田 in Shift_JIS.
    let file = [b"user,name,user_type\r\nyamada,", &b"\x8e\x52\x93\x63"[..], b",inbound_agent\r\n"]
        .concat();
    office.chooses_file(&File::new("people.csv", &file)).await;
    page.reads(".notes", "shift_jis").await;
    page.reads("tr", "山田").await;
    page.clicks("#import-submit").await;
    page.reads("#import-report", "1人をインポートしました").await;
    let user = office.broker().call(Method::GET, "users/yamada", None).await;
    assert_eq!(user["name"], "山田");
    office.stage.close().await;
}

#[tokio::test]
async fn a_file_that_deletes_is_asked_about_and_one_without_its_columns_is_not_offered() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "users?view=import").await else {
            return;
        };
        let page = office.browser();
        office.chooses_file(&File::new("bare.csv", b"name,features\nNora,agent_email\n")).await;
        page.reads(".notes", "user, user_type".replace(", ", office.says(", ", "、")).as_str())
            .await;
        page.misses("#import-submit").await;

        let deletion = b"user,user_type,status\nedred,inbound_agent,deleted\n";
        office.chooses_file(&File::new("gone.csv", deletion)).await;
        page.clicks("#import-submit").await;
        page.reads(
            "dialog h2",
            office.says("This file deletes users (1)", "1人のユーザーを削除します"),
        )
        .await;
        page.clicks("dialog .form-actions button:not(.danger)").await;
        page.misses("dialog").await;
        assert_eq!(
            office.broker().call(Method::GET, "users/edred", None).await["status"],
            "active"
        );
        page.clicks("#import-submit").await;
        page.clicks("dialog button.danger").await;
        page.sees("#import-report").await;
        page.reads("#import-report", "1").await;
        let left = office.broker().call(Method::GET, "users?search=edred", None).await;
        assert_eq!(left["items"], json!([]));
        office.stage.close().await;
    }
}
