-- 1,000,000 records of the per-user log of one organisation and 50,000 of each of four others, with denials,
-- figures and audit records; into a database that has its schema (migrations/postgres) and is empty.

INSERT INTO organisations (number, name, time_zone, max_grace_s, created_at, version, last_at)
    SELECT n, 'organisation ' || n, 'Europe/London', 60, 1750000000000, 1, 1750000000000
    FROM generate_series(129, 133) AS n;

INSERT INTO usage (organisation, at, usage_type, licence, "user", device, logon_source, session, pool, reason)
    SELECT o.key, 1750000000000 + n::bigint * 10000, CASE WHEN n % 2 = 0 THEN 'Acquired' ELSE 'Released' END,
        (ARRAY['inbound_agent', 'agent_email', 'agent_web_chat'])[1 + n % 3], 'agent' || (n / 6 % 1000),
        'agent_desktop', 'Agent Desktop', '01J' || lpad((n / 6)::text, 23, '0'), 'concurrent',
        CASE WHEN n % 2 = 1 THEN 'logout' END
    FROM organisations AS o, generate_series(1, CASE WHEN o.number = 129 THEN 1000000 ELSE 50000 END) AS n
    ORDER BY n, o.key;

INSERT INTO denials (organisation, at, licence, "user", device, reason, outcome)
    SELECT o.key, 1750000000000 + n::bigint * 20000,
        (ARRAY['inbound_agent', 'agent_email', 'agent_web_chat'])[1 + n % 3], 'agent' || (n % 1000),
        'agent_desktop', CASE WHEN n % 10 = 0 THEN 'not_assigned' ELSE 'exhausted' END, 'partial'
    FROM organisations AS o, generate_series(1, CASE WHEN o.number = 129 THEN 200000 ELSE 10000 END) AS n
    ORDER BY n, o.key;

INSERT INTO intervals (organisation, start, licence, concurrent, contingency, concurrent_peak, concurrent_low,
        contingency_peak, contingency_low, holders_peak)
    SELECT o.key, 1749999900000 + n::bigint * 300000, licence, n % 100, 0, n % 100 + 3, n % 50, 0, 0, n % 100 + 3
    FROM organisations AS o, generate_series(1, 100000) AS n,
        unnest(ARRAY['inbound_agent', 'agent_email', 'agent_web_chat']) AS licence
    WHERE o.number < 131 ORDER BY n, o.key;

INSERT INTO interval_hours
    SELECT organisation, start - start % 3600000, licence, count(*), sum(concurrent), sum(contingency),
        max(concurrent_peak), min(concurrent_low), max(contingency_peak), min(contingency_low), max(holders_peak)
    FROM intervals GROUP BY 1, 2, 3;

INSERT INTO audit (organisation, at, actor, role, action, target)
    SELECT o.key, 1750000000000 + n::bigint * 10000, 'ann', 'admin', 'user.put', 'agent' || n % 1000
    FROM organisations AS o, generate_series(1, CASE WHEN o.number = 129 THEN 200000 ELSE 1000 END) AS n
    ORDER BY n;

ANALYZE;
