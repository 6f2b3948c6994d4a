//! A broker on which every operation of the document can be called with the document's own examples.

use crate::support::broker::{Setup, TestBroker};
use crate::support::socket::Socket;
use chrono::{DateTime, Utc};
use licence_broker::auth::Role;
use licence_broker::auth::account::{Credentials, Evidence, FAILURES_MAX};
use licence_broker::auth::password::PasswordHash;
use licence_broker::auth::second_factor::TotpSecret;
use licence_broker::clock::Clock;
use licence_broker::domain::audit::Author;
use licence_broker::domain::ids::OrganisationId;
use licence_broker::limits::Limits;
use licence_broker::store::accounts::{By, Creation, NewAccount, SignIn};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// The organisation of the examples, and one beside it.
pub(crate) const ORGANISATION: u64 = 129;
const NEIGHBOUR: u64 = 130;

/// How long a body may keep the broker waiting: short, for every operation that takes one is kept waiting.
const BODY_TIMEOUT: Duration = Duration::from_millis(500);
/// Bytes of any body; few, so that one above it is soon sent.
pub(crate) const BODY_MAX_BYTES: usize = 16 * 1024;
/// Users of an organisation; enough for the examples, and soon reached.
pub(crate) const USERS_MAX: usize = 8;

/// Accounts of an organisation, as soon reached.
pub(crate) const ACCOUNTS_MAX: u32 = 4;

/// Whose second factor is the secret of RFC 6238's examples; Lou's account is locked.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// What an app with that secret shows at the time of the examples.
pub(crate) const CODE: &str = "479078";
const SECRET: &[u8] = b"12345678901234567890";

/// Licence types of which something is bought, with their base and their concurrent licences: for an outbound
/// agent there is no base licence, and of two inbound agents one takes a contingency licence.
const BOUGHT: [(&str, u32, u32); 5] = [
    ("inbound_agent", 20, 1),
    ("supervisor", 5, 10),
    ("outbound_agent", 0, 10),
    ("agent_calls", 0, 10),
    ("agent_email", 0, 10),
];

/// Wallboards that may be configured; one is.
const WALLBOARDS_MAX: u32 = 5;

pub(crate) struct Stage {
    pub(crate) broker: TestBroker,
    /// Edred's, on the agent desktop.
    pub(crate) session: String,
    /// Closing them would log their users out.
    _sockets: Vec<Socket>,
}

impl Stage {
    /// An organisation in the middle of its day: two users logged in, one who has left, and licences that
    /// somebody was denied.
    pub(crate) async fn set() -> Self {
        let clock = Clock::manual(morning());
        let limits = Limits {
            body_max_bytes: BODY_MAX_BYTES,
            tokens_body_max_bytes: BODY_MAX_BYTES,
            import_body_max_bytes: BODY_MAX_BYTES,
            body_timeout: BODY_TIMEOUT,
            users_per_organisation_max: USERS_MAX,
            accounts_per_organisation_max: ACCOUNTS_MAX,
            ..Limits::default()
        };
        // However long all the calls take, nobody is taken for dead.
        let heartbeat = Duration::from_secs(100_000_000);
        let setup = Setup { clock: clock.clone(), limits, heartbeat, ..Setup::default() };
        let broker = TestBroker::with(setup).await;
        furnish(&broker).await;
        enrol(&broker).await;
        let (desktop, answer) = broker.login(ORGANISATION, "edred", "agent_desktop").await;
        let session = answer["session"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        let (telephone, _) = broker.login(ORGANISATION, "edred", "deskphone").await;
        let (left, _) = broker.login(ORGANISATION, "etta", "agent_desktop").await;
        clock.advance(Duration::from_secs(60));
        left.log_out().await;
        Self { broker, session, _sockets: vec![desktop, telephone] }
    }

    /// A call that must succeed, below the organisation, by an administrator.
    pub(crate) async fn does(&self, method: Method, path: &str, body: Value) {
        let admin = self.broker.api(&self.token(Role::Admin));
        let path = format!("/v1/organisations/{ORGANISATION}{path}");
        admin.send(method, &path, body).await;
    }

    /// A token for somebody of the organisation.
    pub(crate) fn token(&self, role: Role) -> String {
        let subject = match role {
            Role::Device => "edred",
            Role::Wallboard => "lobby",
            Role::Supervisor => "sue",
            Role::Admin => "ada",
            Role::Operator => "operator",
        };
        self.broker.token(role, ORGANISATION, subject)
    }
}

/// The day of the examples; tokens are for as long as the machine's clock says, which is later.
fn morning() -> DateTime<Utc> {
    "2026-03-06T13:24:28Z".parse().unwrap()
}

/// Sue, a supervisor, and Lou, who has tried too often.
async fn enrol(broker: &TestBroker) {
    let store = &broker.inside.store;
    let author = Author { name: "operator".into(), role: "operator" };
    let by = By { author, at: morning() };
    let credentials = Credentials {
        password: PasswordHash::of(PASSWORD).expect("a hash"),
        second_factor: TotpSecret::kept(SECRET).expect("twenty bytes"),
    };
    let organisation = OrganisationId::new(ORGANISATION);
    for user in ["sue", "lou"] {
        let (user, role) = (user.into(), Role::Supervisor);
        let new = NewAccount { organisation, user, role, credentials: credentials.clone() };
        let creation = store.create_account(&new, ACCOUNTS_MAX, &by).await.expect("answered");
        assert!(matches!(creation, Creation::Created(_)), "{creation:?}");
    }
    let evidence = Evidence { is_password_right: false, step: None };
    let (user, credentials) = ("lou".into(), Some(credentials));
    let wrong = SignIn { organisation, user, credentials, evidence, at: morning() };
    for _ in 0..FAILURES_MAX {
        store.sign_in(&wrong).await.expect("answered");
    }
}

async fn furnish(broker: &TestBroker) {
    let operator = broker.operator();
    for organisation in [ORGANISATION, NEIGHBOUR] {
        operator.create_organisation(organisation).await;
    }
    let below = |path: &str| format!("/v1/organisations/{ORGANISATION}{path}");
    for (licence, base, concurrent) in BOUGHT {
        let totals = json!({"base": base, "concurrent": concurrent, "contingency": 2, "fixed": 0});
        operator.send(Method::PUT, &below(&format!("/licences/{licence}")), totals).await;
    }
    let price = json!({"unit_price": "12.50"});
    operator.send(Method::PUT, &below("/prices/inbound_agent"), price).await;
    for user in ["edred", "etta"] {
        let features = ["agent_calls", "agent_email", "agent_web_chat"];
        operator.add_user(ORGANISATION, user, "inbound_agent", &features).await;
    }
    let maximum = json!({"maximum": WALLBOARDS_MAX});
    operator.send(Method::PUT, &below("/licence-metrics/wallboard"), maximum).await;
    let wallboard = json!({"id": "entrance", "name": "Entrance", "user": "edred"});
    operator.send(Method::POST, &below("/wallboards"), wallboard).await;
}
