//! A headless Chromium with a profile of its own, and what it can tell about a page.

use crate::driver::{Driver, Installed};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// Nothing but the page under test may use the network.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--force-prefers-reduced-motion",
    "--lang=en-GB",
    "--window-size=1280,1000",
];

/// Ends with its driver when it is dropped.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Driver,
    /// The profile, and what else browsers leave behind. Outlives the driver: fields are dropped in order.
    _scratch: TempDir,
}

impl Browser {
    /// `None` where this machine has no browser; see [`Installed::find`].
    pub(crate) async fn start() -> Option<Self> {
        let installed = Installed::find()?;
        let scratch = TempDir::new().unwrap();
        let driver = Driver::start(&installed, scratch.path());
        let capabilities = capabilities(&installed.chromium, &scratch.path().join("profile"));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .unwrap();
        Some(Self { client, driver, _scratch: scratch })
    }

    /// What the console was told since it was last asked, errors alone.
    pub(crate) async fn console_errors(&self) -> Vec<String> {
        let entries = self.log("browser").await;
        let severe = entries.into_iter().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].to_string()).collect()
    }

    /// Every address that pages asked for since this was last asked, sockets included.
    pub(crate) async fn requested(&self) -> Vec<String> {
        let entries = self.log("performance").await;
        let events = entries.iter().map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            event["message"].clone()
        });
        let address = |event: Value| {
            let found = match event["method"].as_str()? {
                "Network.requestWillBeSent" => &event["params"]["request"]["url"],
                "Network.webSocketCreated" => &event["params"]["url"],
                _ => return None,
            };
            found.as_str().map(str::to_owned)
        };
        events.filter_map(address).collect()
    }

    /// A command of the browser's own tools, for what pages cannot do: another theme, another screen.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) {
        let session = self.client.session_id().await.unwrap().unwrap();
        let url =
            format!("http://127.0.0.1:{}/session/{session}/goog/cdp/execute", self.driver.port);
        let body = json!({ "cmd": command, "params": parameters });
        let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{command}: {}", answer.text().await.unwrap());
    }

    /// How many bytes came over the network since this was last asked, heads and packing included.
    pub(crate) async fn fetched_bytes(&self) -> u64 {
        let entries = self.log("performance").await;
        let lengths = entries.iter().map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let event = &event["message"];
            let is_end = event["method"] == "Network.loadingFinished";
            if is_end { event["params"]["encodedDataLength"].as_f64().unwrap_or(0.0) } else { 0.0 }
        });
        lengths.sum::<f64>() as u64
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let session = self.client.session_id().await.unwrap().unwrap();
        let url = format!("http://127.0.0.1:{}/session/{session}/se/log", self.driver.port);
        let request = reqwest::Client::new().post(url).json(&json!({ "type": kind }));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["value"].as_array().unwrap_or_else(|| panic!("a log: {answer}")).clone()
    }
}

fn capabilities(chromium: &Path, profile: &Path) -> Value {
    let profile = format!("--user-data-dir={}", profile.display());
    let flags: Vec<&str> = FLAGS.iter().copied().chain([profile.as_str()]).collect();
    json!({
        "goog:chromeOptions": {
            "binary": chromium,
            "args": flags,
            "prefs": { "intl.accept_languages": "en-GB,en" },
        },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    })
}
