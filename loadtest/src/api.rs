//! The broker's HTTP API as the operator uses it.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::churn::ledger::Record;
use crate::limits::{HOPS_MAX, HTTP_ANSWER_BYTES_MAX, HTTP_WAIT};
use crate::target::Target;

const JSON: &str = "application/json";
/// Characters of a broker's complaint that are repeated.
const COMPLAINT_CHARS_MAX: usize = 400;
/// Pages of one list that are followed.
const PAGES_MAX: usize = 100;
/// Pages of the per-user log that are followed.
const USAGE_PAGES_MAX: usize = 10_000;

pub(crate) struct Api<'a> {
    client: Client<HttpConnector, Full<Bytes>>,
    target: &'a Target,
    authorization: HeaderValue,
}

/// A row of View Licences, as far as it is needed here.
#[derive(Debug, Deserialize)]
pub(crate) struct LicenceRow {
    pub(crate) licence: String,
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) concurrent: Counts,
    #[serde(default)]
    pub(crate) contingency: Counts,
    #[serde(default)]
    pub(crate) over_allocated: u64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Counts {
    pub(crate) total: u64,
    pub(crate) used: u64,
}

/// A line of a month's bill, as far as it is needed here.
#[derive(Debug, Deserialize)]
pub(crate) struct BillLine {
    pub(crate) licence: String,
    pub(crate) contingency_max_used: u64,
}

#[derive(Deserialize)]
struct Bill {
    lines: Vec<BillLine>,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    #[serde(default)]
    next_cursor: Option<String>,
}

/// A record of the per-user log, as far as it is needed here.
#[derive(Deserialize)]
struct UsageRow {
    user: String,
}

#[derive(Deserialize)]
struct Imported {
    accepted: usize,
    #[serde(default)]
    rejected: Vec<serde_json::Value>,
}

#[derive(Serialize)]
pub(crate) struct TokenWanted<'a> {
    pub(crate) sub: &'a str,
    pub(crate) org: u64,
    pub(crate) role: &'static str,
    pub(crate) ttl_s: u64,
}

#[derive(Deserialize)]
pub(crate) struct TokenIssued {
    pub(crate) sub: String,
    pub(crate) token: String,
}

/// `Bearer` and the token, as a header that no log shows.
///
/// # Errors
///
/// Where the token has characters that no header may have.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .context("a token has characters that do not fit into a header")?;
    value.set_sensitive(true);
    Ok(value)
}

/// Every call fails where the broker does not answer within a minute, or answers anything but
/// success: the error repeats what it said.
impl<'a> Api<'a> {
    pub(crate) fn new(target: &'a Target, operator_token: &str) -> Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, target, authorization: bearer(operator_token)? })
    }

    pub(crate) async fn create_organisation(&self, number: u64) -> Result<()> {
        let body = serde_json::json!({
            "id": number, "name": format!("Load test {number}"), "time_zone": "UTC",
        });
        let path = "/v1/organisations";
        let (status, answer) = self.call(Method::POST, path, JSON, body.to_string()).await?;
        ensure!(
            status != StatusCode::CONFLICT,
            "organisation {number} is there already: remove it, or choose another \
             --first-organisation"
        );
        success(status, &answer).with_context(|| format!("POST {path}"))
    }

    /// An organisation that is not there counts as deleted.
    pub(crate) async fn delete_organisation(&self, number: u64) -> Result<()> {
        let path = format!("/v1/organisations/{number}");
        let (status, answer) = self.call(Method::DELETE, &path, JSON, String::new()).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        success(status, &answer).with_context(|| format!("DELETE {path}"))
    }

    pub(crate) async fn put_licence(
        &self,
        organisation: u64,
        licence: &str,
        bought: &serde_json::Value,
    ) -> Result<()> {
        let path = format!("/v1/organisations/{organisation}/licences/{licence}");
        let (status, answer) = self.call(Method::PUT, &path, JSON, bought.to_string()).await?;
        success(status, &answer).with_context(|| format!("PUT {path}"))
    }

    /// `lines` is NDJSON of `users` users; all of them must be accepted.
    pub(crate) async fn import_users(
        &self,
        organisation: u64,
        lines: String,
        users: usize,
    ) -> Result<()> {
        let path = format!("/v1/organisations/{organisation}/users/import");
        let imported: Imported =
            self.ask(Method::POST, &path, "application/x-ndjson", lines).await?;
        if let Some(first) = imported.rejected.first() {
            bail!("POST {path}: {} users rejected, first: {first}", imported.rejected.len());
        }
        ensure!(
            imported.accepted == users,
            "POST {path}: {} of {users} users accepted",
            imported.accepted
        );
        Ok(())
    }

    pub(crate) async fn issue_tokens(
        &self,
        wanted: &[TokenWanted<'_>],
    ) -> Result<Vec<TokenIssued>> {
        let body = serde_json::json!({ "tokens": wanted }).to_string();
        let page: Page<TokenIssued> = self.ask(Method::POST, "/v1/tokens", JSON, body).await?;
        Ok(page.items)
    }

    /// All licence types of the organisation that a device can hold.
    pub(crate) async fn licences(&self, organisation: u64) -> Result<Vec<LicenceRow>> {
        let list =
            format!("/v1/organisations/{organisation}/licences?class=user_type,feature,product");
        let mut path = list.clone();
        let mut rows = Vec::new();
        for _ in 0..PAGES_MAX {
            let page: Page<LicenceRow> = self.ask(Method::GET, &path, JSON, String::new()).await?;
            rows.extend(page.items);
            match page.next_cursor {
                Some(cursor) => path = format!("{list}&cursor={cursor}"),
                None => return Ok(rows),
            }
        }
        bail!("GET {list}: more than {PAGES_MAX} pages")
    }

    /// A page of the per-user log, and the cursor of the next.
    pub(crate) async fn usage(
        &self,
        organisation: u64,
        cursor: Option<&str>,
    ) -> Result<(Vec<Record>, Option<String>)> {
        let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let path = format!("/v1/organisations/{organisation}/licence-usage?limit=1000{cursor}");
        let page: Page<Record> = self.ask(Method::GET, &path, JSON, String::new()).await?;
        Ok((page.items, page.next_cursor))
    }

    /// The bill of a month, `yyyy-mm`.
    pub(crate) async fn bill(&self, organisation: u64, month: &str) -> Result<Vec<BillLine>> {
        let path = format!("/v1/organisations/{organisation}/billing/{month}");
        let bill: Bill = self.ask(Method::GET, &path, JSON, String::new()).await?;
        Ok(bill.lines)
    }

    /// Prometheus' page.
    pub(crate) async fn metrics(&self) -> Result<String> {
        let path = "/metrics";
        let (status, page) = self.call(Method::GET, path, JSON, String::new()).await?;
        success(status, &page).with_context(|| format!("GET {path}"))?;
        String::from_utf8(page.to_vec()).context("GET /metrics: no text")
    }

    /// Reads a report to its end, and adds its lines to `lines` as they come.
    pub(crate) async fn count_lines(&self, path: &str, lines: &AtomicU64) -> Result<()> {
        let request = Request::get(self.target.http(path))
            .header(AUTHORIZATION, &self.authorization)
            .body(Full::default())
            .with_context(|| format!("GET {path}: not a request"))?;
        let answer = timeout(HTTP_WAIT, self.client.request(request)).await;
        let answer = answer.with_context(|| format!("GET {path}: no answer in time"))??;
        ensure!(answer.status().is_success(), "GET {path}: {}", answer.status());
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.with_context(|| format!("GET {path}: it broke off"))?;
            let ends =
                frame.data_ref().map_or(0, |bytes| bytes.iter().filter(|b| **b == b'\n').count());
            lines.fetch_add(u64::try_from(ends).unwrap_or(0), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether the broker is there and takes logins.
    pub(crate) async fn is_ready(&self) -> bool {
        let answer = self.call(Method::GET, "/readyz", JSON, String::new()).await;
        answer.is_ok_and(|(status, _)| status.is_success())
    }

    /// Whose each record of the per-user log is, oldest first.
    pub(crate) async fn usage_users(&self, organisation: u64) -> Result<Vec<String>> {
        let list = format!("/v1/organisations/{organisation}/licence-usage?limit=1000");
        let mut path = list.clone();
        let mut users = Vec::new();
        for _ in 0..USAGE_PAGES_MAX {
            let page: Page<UsageRow> = self.ask(Method::GET, &path, JSON, String::new()).await?;
            users.extend(page.items.into_iter().map(|row| row.user));
            match page.next_cursor {
                Some(cursor) => path = format!("{list}&cursor={cursor}"),
                None => return Ok(users),
            }
        }
        bail!("GET {list}: more than {USAGE_PAGES_MAX} pages")
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        content_type: &'static str,
        body: String,
    ) -> Result<T> {
        let what = format!("{method} {path}");
        let (status, answer) = self.call(method, path, content_type, body).await?;
        success(status, &answer).with_context(|| what.clone())?;
        serde_json::from_slice(&answer)
            .with_context(|| format!("{what}: the answer has not the shape expected"))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        content_type: &'static str,
        body: String,
    ) -> Result<(StatusCode, Bytes)> {
        let what = format!("{method} {path}");
        let body = Bytes::from(body);
        let exchange = async {
            let mut url = self.target.http(path);
            for _ in 0..=HOPS_MAX {
                let request = Request::builder()
                    .method(&method)
                    .uri(&url)
                    .header(AUTHORIZATION, &self.authorization)
                    .header(CONTENT_TYPE, content_type)
                    .body(Full::from(body.clone()))
                    .context("not a request")?;
                let answer = self.client.request(request).await?;
                let (status, headers) = (answer.status(), answer.headers());
                let elsewhere = headers.get(LOCATION).and_then(|it| it.to_str().ok());
                if let (StatusCode::TEMPORARY_REDIRECT, Some(elsewhere)) = (status, elsewhere) {
                    url = elsewhere.to_owned();
                    continue;
                }
                let body = Limited::new(answer.into_body(), HTTP_ANSWER_BYTES_MAX).collect().await;
                let body = body.map_err(|error| anyhow::anyhow!(error))?;
                return anyhow::Ok((status, body.to_bytes()));
            }
            bail!("sent on too often")
        };
        timeout(HTTP_WAIT, exchange)
            .await
            .with_context(|| format!("{what}: no answer within {} s", HTTP_WAIT.as_secs()))?
            .context(what)
    }
}

/// # Errors
///
/// Any status but success, with the beginning of what the broker said.
fn success(status: StatusCode, answer: &[u8]) -> Result<()> {
    if status.is_success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(answer);
    let complaint: String = text.chars().take(COMPLAINT_CHARS_MAX).collect();
    bail!("{status} {complaint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_row_is_read_from_the_contract_s_example() {
        let row: LicenceRow = serde_json::from_str(
            r#"{"licence":"inbound_agent","name":"Inbound Agent","class":"user_type",
            "model":"concurrent","active_users":212,
            "base":{"total":500,"used":215,"reusable":3,"available":288},
            "concurrent":{"total":200,"used":200,"available":0},
            "contingency":{"total":20,"used":5,"max_used":7,"available":15},
            "fixed":{"total":0,"used":0,"available":0},
            "over_allocated":0,"waiting":0,"active_billing_period":215}"#,
        )
        .expect("a row");
        assert_eq!((row.licence.as_str(), row.model.as_str()), ("inbound_agent", "concurrent"));
        assert_eq!((row.concurrent.total, row.contingency.used), (200, 5));
    }

    #[test]
    fn a_failure_repeats_what_the_broker_said_but_not_all_of_it() {
        let error = success(StatusCode::CONFLICT, "é".repeat(10_000).as_bytes());
        let text = error.expect_err("a failure").to_string();
        assert!(text.starts_with("409 Conflict é") && text.chars().count() < 500);
    }

    #[test]
    fn a_bearer_is_not_shown() {
        assert_eq!(format!("{:?}", bearer("secret").expect("a header")), "Sensitive");
        bearer("two\nlines").expect_err("no header");
    }
}
