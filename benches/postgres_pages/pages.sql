-- How the pages of the logs are read, as src/store/postgres asks for them:
--   psql -f migrations/postgres/V1__initial.sql -f benches/postgres_pages/fill.sql -f benches/postgres_pages/pages.sql
-- What must be there is an index in every line of a log, and no sort but an incremental one. That pages look at the
-- rows that they show and at few others is a test (tests/store/postgres_reads.rs).
\set key '(SELECT key FROM organisations WHERE number = 129 AND removed_at IS NULL)'
\set columns 'id AS cursor, at, usage_type, licence, "user", device, logon_source, session, pool, reason'
\set explain 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF)'

BEGIN READ ONLY;
SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; SET LOCAL jit = off;

\echo === the per-user log: the first page, and one in the middle within a range
:explain SELECT :columns FROM usage WHERE organisation = :key AND id > 0 ORDER BY at, id LIMIT 100;
:explain SELECT :columns FROM usage WHERE organisation = :key AND id > 700000
    AND at >= coalesce((SELECT at FROM usage WHERE id = 700000), 0) AND at >= 1750000000000 AND at < 1759000000000
    ORDER BY at, id LIMIT 100;
\echo === a part of an export
:explain SELECT :columns FROM usage WHERE organisation = :key AND id > 700000
    AND at >= coalesce((SELECT at FROM usage WHERE id = 700000), 0) ORDER BY at, id LIMIT 1024;
\echo === of one user within a range; of nobody; of a session
:explain SELECT :columns FROM usage WHERE organisation = :key AND id > 700000
    AND id >= coalesce((SELECT id FROM usage WHERE organisation = :key AND at >= 1755000000000 ORDER BY at, id LIMIT 1),
        9223372036854775807)
    AND id < coalesce((SELECT id FROM usage WHERE organisation = :key AND at >= 1759000000000 ORDER BY at, id LIMIT 1),
        9223372036854775807)
    AND "user" = 'agent77' ORDER BY id LIMIT 100;
:explain SELECT :columns FROM usage WHERE organisation = :key AND id > 0 AND "user" = 'nobody' ORDER BY id LIMIT 100;
:explain SELECT :columns FROM usage WHERE organisation = :key AND id > 0 AND session = '01J00000000000000000077777'
    ORDER BY id LIMIT 100;
\echo === denials: by time for one reason, of nobody
:explain SELECT id AS cursor, * FROM denials WHERE organisation = :key AND id > 100000
    AND at >= coalesce((SELECT at FROM denials WHERE id = 100000), 0) AND reason = 'not_assigned' ORDER BY at, id LIMIT 100;
:explain SELECT id AS cursor, * FROM denials WHERE organisation = :key AND id > 0 AND "user" = 'nobody' ORDER BY id LIMIT 100;
\echo === the audit, the latest first
:explain SELECT id AS cursor, * FROM audit WHERE organisation = :key AND id < 9223372036854775807 ORDER BY id DESC LIMIT 100;
\echo === five-minute figures
:explain SELECT id AS cursor, start, licence, concurrent FROM intervals WHERE organisation = :key AND id > 300000
    AND start >= greatest(-9223372036854775808, (SELECT start FROM intervals WHERE id = 300000))
    AND start < 9223372036854775807 ORDER BY start, id LIMIT 1000;
ROLLBACK;

BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL jit = off; SET LOCAL work_mem = '64MB';
\echo === metrics of a day
:explain SELECT licence, sum(intervals) FROM (
    SELECT licence, intervals FROM interval_hours
        WHERE organisation = 1 AND hour >= 1760000400000 AND hour < 1760086800000
    UNION ALL SELECT licence, 1 FROM intervals WHERE organisation = 1 AND start >= 1760000000000 AND start < 1760000400000
    UNION ALL SELECT licence, 1 FROM intervals WHERE organisation = 1 AND start >= 1760086800000 AND start < 1760086900000)
    AS parts GROUP BY licence;
\echo === a custom report of the whole log by day and type, with different users
:explain SELECT at / 86400000, licence, count(*) FILTER (WHERE usage_type = 'Acquired'), count(DISTINCT "user")
    FROM usage WHERE organisation = 1 AND at >= 1750000000000 AND at < 1790000000000
    GROUP BY 1, 2 ORDER BY 1 NULLS FIRST, 2 NULLS FIRST LIMIT 1000;
ROLLBACK;
