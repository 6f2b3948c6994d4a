//! One way to break each invariant, in SQL: the invariant, where the finding must point, the break.

/// The invariant, the table and a part of the finding's text, and what breaks it.
pub type Break = (&'static str, &'static str, &'static str, &'static str);

pub const BREAKS: &[Break] = &[
    (
        "what a record refers to exists",
        "database",
        "refers to a row of organisations",
        "UPDATE denials SET organisation = 99 WHERE id = 1",
    ),
    (
        "every word is of its vocabulary",
        "usage",
        "usage_type is `Borrowed`",
        "UPDATE usage SET usage_type = 'Borrowed' WHERE id = 1",
    ),
    (
        "every word is of its vocabulary",
        "usage",
        "reason is `bored`",
        "UPDATE usage SET reason = 'bored' WHERE usage_type = 'Released'",
    ),
    (
        "every word is of its vocabulary",
        "users",
        "status is `asleep`",
        "UPDATE users SET status = 'asleep' WHERE user = 'f'",
    ),
    (
        "what users have and sessions hold is in the catalogue",
        "users",
        "`telex`",
        "UPDATE users SET features = '[\"telex\"]' WHERE user = 'f'",
    ),
    (
        "ids and instants of a log grow together",
        "usage",
        "that of the record before",
        "UPDATE usage SET at = at - 60000 WHERE id = (SELECT max(id) FROM usage)",
    ),
    (
        "ids and instants of a log grow together",
        "denials",
        "that of the record before",
        "INSERT INTO denials SELECT NULL, organisation, at - 1, licence, user, device, reason, \
         outcome FROM denials WHERE id = 1",
    ),
    (
        "a session is named by a ULID",
        "usage",
        "`nobody`",
        "UPDATE usage SET session = 'nobody' WHERE id = 1",
    ),
    (
        "a grant has one release after it, or an open instance",
        "usage",
        "never released",
        "UPDATE sessions SET held = json_remove(held, '$.agent_calls')",
    ),
    (
        "a grant has one release after it, or an open instance",
        "usage",
        "granted again",
        "INSERT INTO usage SELECT NULL, organisation, (SELECT max(at) FROM usage), usage_type, \
         licence, user, device, logon_source, session, 'shared', NULL FROM usage \
         WHERE session IN (SELECT session FROM sessions) AND usage_type = 'Acquired' LIMIT 1",
    ),
    (
        "a release has its grant",
        "usage",
        "was not held",
        "INSERT INTO usage SELECT NULL, organisation, (SELECT max(at) FROM usage), usage_type, \
         licence, user, device, logon_source, session, pool, reason FROM usage \
         WHERE usage_type = 'Released' LIMIT 1",
    ),
    (
        "a release repeats user, device and pool of its grant",
        "usage",
        "its pool is `fixed`",
        "UPDATE usage SET pool = 'fixed' WHERE usage_type = 'Released'",
    ),
    (
        "a release repeats user, device and pool of its grant",
        "usage",
        "its user is `nobody`",
        "UPDATE usage SET user = 'nobody' WHERE usage_type = 'Released'",
    ),
    (
        "an open instance has its grant",
        "instances",
        "the log has no grant",
        "UPDATE sessions SET held = json_set(held, '$.recording', json_array('concurrent', 1, 1, 1)) \
         WHERE session = (SELECT min(session) FROM sessions)",
    ),
    (
        "an open instance has its grant",
        "instances",
        "is not that of its grant",
        "UPDATE sessions SET held = json_set(held, '$.agent_calls[0]', 'fixed') \
         WHERE held -> '$.agent_calls' IS NOT NULL",
    ),
    (
        "a grant is shared if its user holds the type already",
        "usage",
        "does not hold the type yet",
        "UPDATE usage SET pool = 'shared' WHERE pool = 'contingency'",
    ),
    (
        "nobody becomes a holder while all that was bought is in use",
        "usage",
        "became a holder of inbound_agent",
        "UPDATE totals_log SET contingency = 0 WHERE licence = 'inbound_agent'",
    ),
    (
        "a month's maximum is what the log comes to",
        "maxima",
        "the log comes to",
        "UPDATE maxima SET maximum = maximum + 1 WHERE licence = 'inbound_agent'",
    ),
    (
        "a month's maximum is what the log comes to",
        "maxima",
        "by the log at",
        "UPDATE maxima SET reached_at = reached_at - 1 WHERE licence = 'inbound_agent'",
    ),
    (
        "a month's maximum is what the log comes to",
        "maxima",
        "the log comes to 0",
        "INSERT INTO maxima SELECT organisation, month, 'recording', 1, reached_at FROM maxima LIMIT 1",
    ),
    (
        "a month's maximum has the sessions that held it",
        "maximum_sessions",
        "by 0 users",
        "DELETE FROM maximum_sessions",
    ),
    (
        "sessions of a month's maximum belong to one",
        "maximum_sessions",
        "there is no maximum",
        "INSERT INTO maximum_sessions SELECT organisation, month, 'recording', session, user \
         FROM maximum_sessions LIMIT 1",
    ),
    (
        "sessions of a month's maximum held the type when it was reached",
        "maximum_sessions",
        "did not hold the type",
        "UPDATE maximum_sessions SET session = '00' || substr(session, 3)",
    ),
    (
        "an open session has a user who is active",
        "sessions",
        "no active user `a`",
        "UPDATE users SET status = 'suspended' WHERE user = 'a'",
    ),
    (
        "an open session holds its user's seat",
        "sessions",
        "the seat of `a`",
        "UPDATE sessions SET held = json_remove(held, '$.inbound_agent')",
    ),
    (
        "a user has one session on each kind of device",
        "sessions",
        "has 2 sessions on deskphone",
        "UPDATE sessions SET device = 'deskphone' WHERE user = 'a'",
    ),
    (
        "nothing is open in a deleted organisation",
        "sessions",
        "was deleted",
        "UPDATE organisations SET removed_at = 1",
    ),
    (
        "what a user has is a list",
        "users",
        "users f of organisation 129: features or synced is no JSON array",
        "UPDATE users SET features = 'agent_email' WHERE user = 'f'",
    ),
    (
        "an open instance has its grant",
        "instances",
        "nobody agent_calls",
        "UPDATE sessions SET session = 'nobody' WHERE session = \
         (SELECT max(session) FROM instances WHERE licence = 'agent_calls')",
    ),
    ("what is kept can be read", "bill_lines", "as a whole", "UPDATE bill_lines SET base = -1"),
    (
        "what a session holds is an object",
        "sessions",
        "held is no JSON object",
        "UPDATE sessions SET held = 'agent_calls' WHERE user = 'a'",
    ),
    (
        "nobody waits for what they hold",
        "places",
        "and holds it",
        "INSERT INTO places SELECT organisation, session, licence, 1 FROM instances LIMIT 1",
    ),
    (
        "what is in force is what was bought last",
        "totals",
        "inbound_agent",
        "UPDATE totals SET concurrent = concurrent + 1 WHERE licence = 'inbound_agent'",
    ),
    (
        "a user has at most one base licence of a type",
        "base_units",
        "`a` has 2",
        "INSERT INTO base_units SELECT organisation, 9999, licence, user, is_gone, assigned_at, \
         is_reassigned, released_at FROM base_units WHERE user = 'a'",
    ),
    (
        "an active user of a type that needs a base licence has one",
        "users",
        "a of organisation 129",
        "DELETE FROM base_units",
    ),
    (
        "a base licence that is not released has an active user of its type",
        "base_units",
        "`f` is not active",
        "UPDATE base_units SET released_at = NULL WHERE user = 'f'",
    ),
    (
        "no more base licences are bound than were bought",
        "base_units",
        "5 are bound, 1 were bought",
        "UPDATE totals SET base = 1 WHERE licence = 'inbound_agent'",
    ),
    (
        "no more fixed seats are assigned than were bought",
        "totals",
        "1 are assigned, 0 were bought",
        "UPDATE totals SET fixed = 0 WHERE licence = 'uc_user'",
    ),
    (
        "no more wallboards are configured than may be",
        "wallboards",
        "0 are allowed",
        "INSERT INTO wallboards SELECT key, 'lobby', 'Lobby', NULL, 1 FROM organisations \
         WHERE number = 129",
    ),
    (
        "who lapsed is not active",
        "lapses",
        "lapses `a` of organisation 129: the user is active",
        "INSERT INTO lapses SELECT key, (SELECT max(month) FROM maxima), '', 'a', 0, 1 \
         FROM organisations WHERE number = 129",
    ),
    (
        "intervals begin at every fifth minute",
        "intervals",
        "it begins at",
        "UPDATE intervals SET start = start + 1 WHERE id = (SELECT max(id) FROM intervals)",
    ),
    (
        "an interval has one record of a type",
        "intervals",
        "2 records of",
        "DROP INDEX intervals_start; INSERT INTO intervals SELECT NULL, organisation, start, \
         licence, concurrent, contingency, concurrent_peak, concurrent_low, contingency_peak, \
         contingency_low, holders_peak FROM intervals ORDER BY id DESC LIMIT 1",
    ),
    (
        "an interval's counts lie between its lows and its peaks",
        "intervals",
        "contradict each other",
        "UPDATE intervals SET concurrent_peak = concurrent - 1 WHERE concurrent > 0",
    ),
    (
        "the hours are what the intervals come to",
        "interval_hours",
        "other figures",
        "UPDATE interval_hours SET concurrent_sum = concurrent_sum + 1",
    ),
    (
        "every interval is part of an hour",
        "intervals",
        "its hour has no figures",
        "DELETE FROM interval_hours",
    ),
    (
        "intervals_until is the end of the newest interval",
        "organisations",
        "intervals_until",
        "UPDATE organisations SET intervals_until = intervals_until + 300000",
    ),
    (
        "a closed month has the highest totals that were in force in it",
        "bill_lines",
        "concurrent is",
        "UPDATE bill_lines SET concurrent = concurrent + 1",
    ),
    (
        "a closed month has its contingency maximum",
        "bill_lines",
        "table maxima",
        "UPDATE bill_lines SET contingency_max = 9 WHERE licence = 'inbound_agent'",
    ),
    (
        "a closed month has a line for each maximum",
        "maxima",
        "was closed without it",
        "DELETE FROM bill_lines WHERE licence = 'inbound_agent'",
    ),
    (
        "an organisation's time zone exists",
        "organisations",
        "no time zone `Atlantis`",
        "UPDATE organisations SET time_zone = 'Atlantis'",
    ),
    (
        "an entry of the index by user has its record",
        "usage_of_user",
        "of `nobody` in run",
        "INSERT INTO usage_runs SELECT max(id), min(at), max(at) FROM usage; \
         INSERT INTO usage_of_user SELECT max(id), organisation, 'nobody', id FROM usage",
    ),
    (
        "an entry of the index by user has its record",
        "usage_of_user",
        "in run 9, as no record",
        "INSERT INTO usage_runs SELECT max(id), min(at), max(at) FROM usage; \
         INSERT INTO usage_of_user SELECT 9, organisation, user, id FROM usage LIMIT 1",
    ),
    (
        "a record up to the last run is in the index by user",
        "usage",
        "has no entry for",
        "INSERT INTO usage_runs SELECT max(id), min(at), max(at) FROM usage; \
         INSERT INTO usage_of_user SELECT (SELECT max(id) FROM usage), organisation, user, id \
         FROM usage WHERE id > 1",
    ),
    (
        "a record up to the last run is in the index by user",
        "usage",
        "has no entry for",
        "INSERT INTO usage_runs SELECT max(id), max(at), max(at) FROM usage; \
         INSERT INTO usage_of_user SELECT (SELECT max(id) FROM usage), organisation, user, id \
         FROM usage",
    ),
];
