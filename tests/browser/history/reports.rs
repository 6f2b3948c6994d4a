//! The page of custom reports.

use super::{DAY, History};
use licence_broker::auth::Role;
use serde_json::json;

const CELLS: &str = "return [...document.querySelectorAll('tbody tr')].map((row) =>
    [...row.cells].map((cell) => cell.textContent))";

#[tokio::test]
async fn a_report_is_put_together_field_by_field_and_is_its_own_link() {
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    for (language, rows, head) in [
        ("en", json!([["a", "3"], ["b", "2"]]), "Acquired"),
        ("ja", json!([["a", "3"], ["b", "2"]]), "取得"),
    ] {
        history.open(Role::Supervisor, language, &format!("reports?{DAY}")).await;
        page.clicks("[data-choices=field] [value=user]").await;
        page.clicks("[data-choices=metric] [value=acquired]").await;
        page.clicks("#reports-add").await;
        page.chooses(".report-filter [name=field]", "device").await;
        page.chooses(".report-filter [name=op]", "eq").await;
        page.chooses(".report-filter [name=value]", "agent_desktop").await;
        page.clicks("#reports-add").await;
        page.chooses(".report-filter:nth-child(2) [name=field]", "licence").await;
        page.chooses(".report-filter:nth-child(2) [name=op]", "ne").await;
        page.chooses(".report-filter:nth-child(2) [name=value]", "agent_sms").await;
        page.chooses("[name=order]", "-acquired").await;
        page.clicks("form [type=submit]").await;
        page.comes_to(CELLS, &json!([["a", "2"], ["b", "2"]])).await;
        page.reads("thead", head).await;

        // Without the first condition the telephone counts as well.
        page.clicks(".report-filter:first-child button").await;
        page.clicks("form [type=submit]").await;
        page.comes_to(CELLS, &json!([["a", "4"], ["b", "2"]])).await;
        page.chooses(".report-filter [name=op]", "in").await;
        let both =
            "for (const option of document.querySelectorAll('.report-filter [name=value] option'))
            option.selected = ['inbound_agent', 'agent_email'].includes(option.value)";
        page.evaluates(both).await;
        page.clicks("form [type=submit]").await;
        page.comes_to(CELLS, &rows).await;

        page.client.refresh().await.unwrap();
        page.comes_to(CELLS, &rows).await;
        page.sees("[data-choices=field] [value=user]:checked").await;
        let kept = "return [...document.querySelector('.report-filter [name=value]').selectedOptions].length";
        assert_eq!(page.evaluates(kept).await, 2);

        page.watches_for_a_file().await;
        page.clicks("#reports-csv").await;
        assert_eq!(page.file().await, "user,acquired\r\na,3\r\nb,2\r\n");
    }
    history.close().await;
}

#[tokio::test]
async fn words_and_times_of_a_report_are_those_of_the_reader() {
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    for (language, denied, peak) in [
        (
            "en",
            json!([[
                "Inbound Agent",
                "All are in use.",
                "Login refused",
                "Fri 16 Aug, 16:00",
                "1"
            ]]),
            json!([["Inbound Agent", "Fri, 16 Aug 2019", "1", "1"]]),
        ),
        (
            "ja",
            json!([[
                "インバウンドエージェント",
                "すべて使用中です。",
                "ログイン拒否",
                "8月16日(金) 16:00",
                "1"
            ]]),
            json!([["インバウンドエージェント", "2019年8月16日(金)", "1", "1"]]),
        ),
    ] {
        let report =
            format!("reports?source=denials&by=licence,reason,outcome,hour&show=users&{DAY}");
        history.open(Role::Admin, language, &report).await;
        page.comes_to(CELLS, &denied).await;
        let report = format!(
            "#/reports?source=organisation_licence_usage&by=licence,day\
             &show=concurrent_highest,contingency_highest&where=licence:eq:inbound_agent&{DAY}"
        );
        page.goes_to(&report).await;
        page.comes_to(CELLS, &peak).await;
    }
    history.close().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_report_stands_next_to_its_field() {
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    for (language, choose, missing, most) in [
        ("en", "Choose at least one.", "Fill this in.", "10000"),
        ("ja", "1つ以上選択してください。", "入力してください。", "10000"),
    ] {
        history.open(Role::Admin, language, "reports").await;
        page.clicks("form [type=submit]").await;
        page.reads("[data-choices=metric] .field-error", choose).await;
        page.clicks("[data-choices=metric] [value=acquired]").await;
        page.misses("[data-choices=metric] .field-error").await;
        page.clicks("#reports-add").await;
        page.chooses(".report-filter [name=field]", "user").await;
        page.clicks("form [type=submit]").await;
        page.reads(".report-filter .field-error", missing).await;
        page.types(".report-filter [name=value]", "a").await;
        page.types("[name=limit]", "0000").await;
        page.clicks("form [type=submit]").await;
        page.reads("[data-field=limit] .field-error", most).await;

        // What only the broker knows: no report is over more than 366 days.
        let long = "from=2017-01-01T00:00:00Z&to=2019-01-01T00:00:00Z";
        page.goes_to(&format!("#/reports?source=denials&show=users&{long}")).await;
        page.reads("[data-field=from] .field-error", "366").await;
        page.sees("[name=from][aria-invalid=true]").await;
    }
    // A browser tells its console of what the broker refuses.
    let errors = page.console_errors().await;
    let refusals = errors.iter().filter(|error| error.contains("422")).count();
    assert_eq!(refusals, 2, "{errors:?}");
}

#[tokio::test]
async fn who_does_not_know_where_to_begin_is_given_reports_to_begin_with() {
    let Some(history) = History::begin().await else { return };
    let page = &history.page;
    for language in ["en", "ja"] {
        history.open(Role::Supervisor, language, "reports").await;
        for (example, source) in
            [(1, "licence_usage"), (2, "organisation_licence_usage"), (3, "denials")]
        {
            page.clicks(&format!(".report-form .range-names button:nth-of-type({example})")).await;
            page.sees("#reports-result .table-empty").await;
            let chosen =
                page.evaluates("return document.querySelector('[name=source]').value").await;
            assert_eq!(chosen, source);
        }
    }
    history.close().await;
}
