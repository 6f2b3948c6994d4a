//! Precedence of the sources, and every way in which a setting can be wrong.

use super::settings::LogFormat;
use super::*;
use clap::Parser;
use std::io::Write as _;
use std::path::Path;
use tempfile::NamedTempFile;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    settings: Settings,
}

/// Settings from a configuration file, variables and flags.
fn resolve(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Config, ConfigError> {
    let mut written = NamedTempFile::new().expect("a file");
    written.write_all(file.as_bytes()).expect("room for it");
    let arguments = ["serve"].iter().chain(flags).copied();
    let mut settings = Command::try_parse_from(arguments).expect("flags that parse").settings;
    settings.config = (!file.is_empty()).then(|| written.path().to_owned());
    let value = |name: &str| variables.iter().find(|(variable, _)| *variable == name);
    Config::resolve(&settings, |name| value(name).map(|(_, value)| (*value).to_owned()))
}

fn error(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> String {
    let error = resolve(file, variables, flags).expect_err("a wrong setting").to_string();
    assert!(!error.contains('\n'), "one line: {error}");
    error
}

fn flag_error(flags: &[&str]) -> String {
    error("", &[], flags)
}

#[test]
fn without_sources_the_defaults_hold() {
    let config = resolve("", &[], &[]).expect("defaults");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.database, "sqlite://licence-broker.db");
    assert_eq!(config.data_dir, Path::new("data"));
    assert_eq!((config.heartbeat_s, config.max_grace_s), (15, 60));
    assert_eq!((config.jwt_secret_file, config.jwks, config.catalogue), (None, None, None));
    assert_eq!(config.log, Log { format: LogFormat::Human, level: "info".into() });
    assert_eq!(config.bounds, Bounds::DEFAULT);
    assert_eq!(config.allow_origin, [""; 0]);
    assert!(config.workers >= 1);
}

#[test]
fn a_variable_goes_before_the_file_and_a_flag_before_both() {
    let file = "heartbeat_s = 10\nmax_grace_s = 11\nworkers = 3";
    let variables = [("LICENCE_BROKER_HEARTBEAT_S", "20"), ("LICENCE_BROKER_MAX_GRACE_S", "21")];
    let config = resolve(file, &variables, &["--heartbeat-s", "30"]).expect("good settings");
    assert_eq!((config.heartbeat_s, config.max_grace_s, config.workers), (30, 21, 3));
}

#[test]
fn every_setting_can_be_given_in_the_file() {
    let file = "listen = '[::1]:9'\ndatabase = 'sqlite:x.db'\ndata_dir = 'd'\njwt_secret_file = 's'\n\
                jwks = 'https://keys.example/jwks'\ncatalogue = 'c.toml'\nheartbeat_s = 1\n\
                max_grace_s = 0\ntls_cert = 'c.pem'\ntls_key = 'k.pem'\nallow_origin = ['https://A.example:443', 'http://b.example:8080/']\n\
                log_format = 'json'\nlog_level = 'warn,licence_broker=debug'\nsessions_max = 5\n\
                logins_under_way_max = 4\nlogin_wait_max_s = 9\nwaiting_per_licence_max = 3\nframes_per_second = 2\n\
                connections_per_address_per_second = 1\nconnections_max = 6\n\
                 sessions_per_organisation_max = 7\nconnections_per_user_max = 8\n\
                 logins_per_user_per_minute = 9\nsubscribers_max = 11\n\
                 subscribers_per_organisation_max = 10\nsign_ins_per_address_per_minute = 12\n\
                 requests_under_way_max = 13\nexports_under_way_max = 14\nretention_days = 93\n\
                 metrics_organisations_max = 5\nworkers = 7\nnode = 'a-1'\n\
                 advertise_url = 'https://A.example:443/'\nlease_s = 5";
    let config = resolve(file, &[], &[]).expect("good settings");
    let expected = Config {
        listen: "[::1]:9".parse().expect("an address"),
        database: "sqlite:x.db".into(),
        data_dir: "d".into(),
        jwt_secret_file: Some("s".into()),
        jwks: Some("https://keys.example/jwks".into()),
        catalogue: Some("c.toml".into()),
        heartbeat_s: 1,
        max_grace_s: 0,
        tls: Some(TlsFiles { cert: "c.pem".into(), key: "k.pem".into() }),
        allow_origin: vec!["https://a.example".into(), "http://b.example:8080".into()],
        log: Log { format: LogFormat::Json, level: "warn,licence_broker=debug".into() },
        bounds: Bounds {
            sessions_max: 5,
            logins_under_way_max: 4,
            login_wait_max_s: 9,
            waiting_per_licence_max: 3,
            frames_per_second: 2,
            connections_per_address_per_second: 1,
            connections_max: 6,
            sessions_per_organisation_max: 7,
            connections_per_user_max: 8,
            logins_per_user_per_minute: 9,
            subscribers_max: 11,
            subscribers_per_organisation_max: 10,
            sign_ins_per_address_per_minute: 12,
            requests_under_way_max: 13,
            exports_under_way_max: 14,
        },
        retention_days: Some(93),
        metrics_organisations_max: 5,
        workers: 7,
        node: "a-1".into(),
        advertise_url: Some("https://a.example".into()),
        lease_s: 5,
    };
    assert_eq!(config, expected);
}

#[test]
fn records_are_kept_for_ever_or_for_at_least_three_months() {
    for (given, expected) in [("0", None), ("93", Some(93)), ("400", Some(400))] {
        let config = resolve("", &[], &["--retention-days", given]).expect("good settings");
        assert_eq!(config.retention_days, expected);
    }
    assert_eq!(resolve("", &[], &[]).expect("good settings").retention_days, None);
    let refused = resolve("", &[], &["--retention-days", "92"]).expect_err("too short");
    assert!(refused.to_string().contains("92 is neither 0 nor between 93 and"), "{refused}");
}

#[test]
fn every_setting_can_be_given_by_a_variable() {
    let variables = [
        ("LICENCE_BROKER_LISTEN", "0.0.0.0:0"),
        ("LICENCE_BROKER_DATA_DIR", "2026"),
        ("LICENCE_BROKER_ALLOW_ORIGIN", "https://a.example, https://b.example"),
        ("LICENCE_BROKER_LOG_FORMAT", "json"),
        ("LICENCE_BROKER_WORKERS", "2"),
        ("LICENCE_BROKER_JWKS", ""),
    ];
    let config = resolve("", &variables, &[]).expect("good settings");
    assert_eq!(config.listen.to_string(), "0.0.0.0:0");
    assert_eq!(config.data_dir, Path::new("2026"), "a number where text is wanted is text");
    assert_eq!(config.allow_origin, ["https://a.example", "https://b.example"]);
    assert_eq!((config.log.format, config.workers), (LogFormat::Json, 2));
    assert_eq!(config.jwks, None, "an empty variable sets nothing");
}

#[test]
fn the_keys_are_those_of_the_settings() {
    let command = <Command as clap::CommandFactory>::command();
    let ids: Vec<_> = command.get_arguments().map(|argument| argument.get_id().as_str()).collect();
    let fields: Vec<_> = ids.into_iter().filter(|id| *id != "config").collect();
    assert_eq!(fields, settings::KEYS);
}

#[test]
fn the_help_explains_every_setting() {
    let command = <Command as clap::CommandFactory>::command();
    for argument in command.get_arguments() {
        assert!(argument.get_help().is_some(), "{}", argument.get_id());
    }
}

#[test]
fn the_read_me_lists_every_setting() {
    let read_me = include_str!("../../README.md");
    for key in settings::KEYS {
        let flag = format!("`--{}`", key.replace('_', "-"));
        assert!(read_me.contains(&flag), "{flag}");
    }
}

#[test]
fn an_error_names_the_setting_and_its_source() {
    let from_file = error("heartbeat_s = 301", &[], &[]);
    assert!(from_file.starts_with("heartbeat_s (in /"), "{from_file}");
    let variables = [("LICENCE_BROKER_HEARTBEAT_S", "0")];
    assert_eq!(
        error("", &variables, &[]),
        "heartbeat_s (from the variable LICENCE_BROKER_HEARTBEAT_S): 0 is not between 1 and 300"
    );
    assert_eq!(
        flag_error(&["--heartbeat-s", "301"]),
        "heartbeat_s (from the flag --heartbeat-s): 301 is not between 1 and 300"
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_named_wherever_it_stands() {
    let from_file = error("heartbeat_s = 'soon'", &[], &[]);
    assert!(
        from_file.starts_with("heartbeat_s (in /") && from_file.contains("soon"),
        "{from_file}"
    );
    let variables = [("LICENCE_BROKER_HEARTBEAT_S", "soon")];
    let from_variable = error("", &variables, &["--heartbeat-s", "15"]);
    let expected = "heartbeat_s (from the variable LICENCE_BROKER_HEARTBEAT_S): ";
    assert!(from_variable.starts_with(expected), "covered by a flag, seen all the same");
    assert!(from_variable.contains("soon"), "{from_variable}");
}

#[test]
fn unknown_keys_of_the_file_are_all_named() {
    let error = error("heartbeat = 5\nworkers = 1\n[tls]\ncert = 'c'", &[], &[]);
    assert!(error.ends_with("no such setting: heartbeat, tls"), "{error}");
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    let error = error("workers = 1\nlisten =\n", &[], &[]);
    assert!(error.starts_with("configuration file /") && error.contains("line 2: "), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let variables = [("LICENCE_BROKER_CONFIG", "/nowhere/broker.toml")];
    let error = error("", &variables, &[]);
    assert!(error.starts_with("configuration file /nowhere/broker.toml: "), "{error}");
}

#[test]
fn half_of_a_tls_pair_is_refused() {
    assert!(
        flag_error(&["--tls-cert", "c.pem"]).starts_with("tls_cert (from the flag --tls-cert): ")
    );
    assert!(flag_error(&["--tls-key", "k.pem"]).ends_with("needs tls_cert beside it"));
}

#[test]
fn tls_is_served_with_a_certificate_and_its_key() {
    let tls = |flags: &[&str]| resolve("", &[], flags).expect("good settings").tls;
    let files = TlsFiles { cert: "c.pem".into(), key: "k.pem".into() };
    assert_eq!(tls(&["--tls-cert", "c.pem", "--tls-key", "k.pem"]), Some(files));
    assert_eq!(tls(&[]), None);
}

#[test]
fn a_node_has_a_name_and_an_address_that_clients_can_go_to() {
    let config = resolve("", &[], &[]).expect("good settings");
    assert!(!config.node.is_empty() && config.advertise_url.is_none() && config.lease_s == 3);
    let shared = ["--database", "postgres://host/db", "--listen"];
    let everywhere = [&shared[..], &["0.0.0.0:8080"]].concat();
    let error = flag_error(&everywhere);
    assert!(error.contains("advertise_url") && error.contains("0.0.0.0:8080"), "{error}");
    let named = [&everywhere[..], &["--advertise-url", "http://10.0.0.2:8080"]].concat();
    let config = resolve("", &[], &named).expect("good settings");
    assert_eq!(config.advertise_url.as_deref(), Some("http://10.0.0.2:8080"));
    // A balancer may lead to it by a path.
    let prefixed = ["--advertise-url", "https://Broker.example:443/node/a/"];
    let config = resolve("", &[], &prefixed).expect("good settings");
    assert_eq!(config.advertise_url.as_deref(), Some("https://broker.example/node/a"));
    let long = format!("http://host/{}", "a".repeat(120));
    for (flag, value) in [
        ("--node", ""),
        ("--node", "a b"),
        ("--advertise-url", "ws://host"),
        ("--advertise-url", "http://host/a/../b"),
        ("--advertise-url", "http://host/a?b"),
        ("--advertise-url", "http://host//a"),
        ("--advertise-url", &long),
        ("--lease-s", "0"),
        ("--lease-s", "61"),
    ] {
        let error = flag_error(&[flag, value]);
        assert!(error.contains(&format!("(from the flag {flag})")), "{error}");
    }
}

#[test]
fn a_database_that_this_build_cannot_open_is_refused() {
    for database in ["licence.db", "sqlite://", "mysql:x"] {
        let error = flag_error(&["--database", database]);
        assert!(error.starts_with("database (from the flag --database): "), "{error}");
    }
}

#[test]
fn numbers_out_of_their_range_are_refused() {
    for (flag, value) in [
        ("--max-grace-s", "86401"),
        ("--sessions-max", "0"),
        ("--logins-under-way-max", "0"),
        ("--waiting-per-licence-max", "0"),
        ("--frames-per-second", "0"),
        ("--connections-per-address-per-second", "0"),
        ("--connections-max", "0"),
        ("--sessions-per-organisation-max", "0"),
        ("--connections-per-user-max", "0"),
        ("--logins-per-user-per-minute", "0"),
        ("--subscribers-max", "0"),
        ("--subscribers-per-organisation-max", "0"),
        ("--sign-ins-per-address-per-minute", "0"),
        ("--requests-under-way-max", "0"),
        ("--exports-under-way-max", "0"),
        ("--workers", "0"),
        ("--workers", "513"),
    ] {
        let error = flag_error(&[flag, value]);
        assert!(error.contains(&format!("(from the flag {flag}): {value} is not")), "{error}");
    }
}

#[test]
fn logins_under_way_fit_into_the_sessions() {
    let flags = ["--sessions-max", "10", "--logins-under-way-max", "11"];
    assert!(flag_error(&flags).starts_with("logins_under_way_max (from the flag"));
    let config = resolve("", &[], &["--sessions-max", "10"]).expect("good settings");
    assert_eq!(config.bounds.logins_under_way_max, 10, "its default follows the sessions");
}

#[test]
fn there_is_room_for_connections_beside_the_sockets() {
    let flags = ["--sessions-max", "10", "--connections-max", "10"];
    assert!(flag_error(&flags).starts_with("connections_max (from the flag"));
    let config = resolve("", &[], &["--sessions-max", "200000"]).expect("good settings");
    assert_eq!(config.bounds.connections_max, 210_000, "its default follows the sessions");
}

#[test]
fn the_subscribers_of_an_organisation_are_among_all() {
    let flags = ["--subscribers-max", "10", "--subscribers-per-organisation-max", "11"];
    assert!(flag_error(&flags).starts_with("subscribers_per_organisation_max (from the flag"));
    let config = resolve("", &[], &["--subscribers-max", "10"]).expect("good settings");
    assert_eq!(config.bounds.subscribers_per_organisation_max, 10, "its default follows");
}

#[test]
fn the_defaults_of_the_settings_are_those_of_the_program() {
    let (set, built_in) = (Bounds::DEFAULT.limits(), Limits::default());
    assert_eq!(format!("{set:?}"), format!("{built_in:?}"));
}

#[test]
fn an_origin_is_a_scheme_and_a_host() {
    for origin in
        ["a.example", "ftp://a.example", "https://a.example/x", "https://", "*", "https://*"]
    {
        let error = flag_error(&["--allow-origin", origin]);
        assert!(error.contains(&format!("`{origin}` is not an origin")), "{error}");
    }
}

#[test]
fn a_key_set_that_others_could_change_on_its_way_is_refused() {
    for address in [
        "http://keys.example/jwks",
        "http://127.0.0.1.example/jwks",
        "http://",
        "ftp://localhost/jwks",
        "HTTPS://keys.example/jwks",
    ] {
        assert!(flag_error(&["--jwks", address]).starts_with("jwks (from the flag"), "{address}");
    }
    for address in
        ["http://127.0.0.1:9/jwks", "http://[::1]/jwks", "http://localhost:80/", "k.json"]
    {
        let config = resolve("", &[], &["--jwks", address]).expect("safe enough");
        assert_eq!(config.jwks.as_deref(), Some(address));
    }
}

#[test]
fn empty_paths_are_refused() {
    for key in ["data_dir", "jwt_secret_file", "catalogue", "jwks", "tls_cert", "tls_key"] {
        assert!(error(&format!("{key} = ''"), &[], &[]).ends_with("is empty"), "{key}");
    }
}

#[test]
fn log_directives_that_make_no_sense_are_refused() {
    let error = flag_error(&["--log-level", "licence_broker=loud"]);
    assert!(error.starts_with("log_level (from the flag --log-level): "), "{error}");
}
