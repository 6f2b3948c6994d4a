//! The accounts that sign in to the console.

use super::office::{LANGUAGES, Office};
use reqwest::Method;
use serde_json::Value;

const SUBMIT: &str = "dialog button[type=submit]";

impl Office {
    async fn account(&self, name: &str) -> Value {
        self.broker().call(Method::GET, &format!("accounts/{name}"), None).await
    }
}

#[tokio::test]
async fn an_account_is_made_with_its_secret_told_once_changed_reset_and_deleted() {
    for language in LANGUAGES {
        let Some(office) = Office::open(language, "admin", "users?view=accounts").await else {
            return;
        };
        let page = office.browser();
        page.reads(".table-empty", office.says("no account yet", "アカウントはまだありません"))
            .await;
        page.clicks("#accounts-add").await;
        page.writes("dialog [name=user]", "sue").await;
        page.types("dialog [name=password]", "too short").await;
        page.clicks(SUBMIT).await;
        page.reads("dialog .field-error", "12").await;
        page.writes("dialog [name=password]", "correct horse battery").await;
        page.clicks(SUBMIT).await;
        page.reads(".enrolment h2", office.says("Secret of sue", "sueのシークレット")).await;
        let secret = page.text("#enrolment-secret").await;
        assert!(secret.replace(' ', "").len() >= 26, "a secret of 128 bits or more");
        page.sees(".enrolment-code:has(svg[role=img])").await;
        page.sees(".enrolment a[href^=\"otpauth://totp/\"]").await;
        page.clicks("#enrolment-close").await;
        page.misses(".enrolment").await;
        let left = page.evaluates("return document.documentElement.outerHTML").await;
        assert!(!left.as_str().unwrap().contains(&secret), "a secret that was passed on is gone");
        assert_eq!(office.account("sue").await["role"], "supervisor");

        page.clicks("tr[data-key=sue] [data-action=\"accounts.change\"]").await;
        page.chooses("dialog [name=role]", "admin").await;
        page.clicks(SUBMIT).await;
        page.reads("tr[data-key=sue]", office.says("Administrator", "管理者")).await;
        assert_eq!(office.account("sue").await["role"], "admin");

        page.clicks("tr[data-key=sue] [data-action=\"accounts.reset\"]").await;
        page.clicks("dialog [name=new_totp_secret]").await;
        page.clicks(SUBMIT).await;
        page.sees("#enrolment-secret").await;
        assert_ne!(page.text("#enrolment-secret").await, secret);

        page.clicks("tr[data-key=sue] [data-action=\"users.delete\"]").await;
        page.clicks("dialog button.danger").await;
        page.sees(".table-empty").await;
        office.stage.close().await;
    }
}
