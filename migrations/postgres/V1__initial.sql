-- The same tables as those of SQLite, column by column (migrations/sqlite says what they mean). Instants are
-- integer milliseconds UTC, flags are 0 or 1, texts are compared byte by byte.
--
-- The logs refer to their organisation by no foreign key: whoever appends has that row in hand already, for
-- every commit begins by moving it on, and a look at it for each record is what a mass login would pay most.

CREATE SEQUENCE ownership_moves;

CREATE TABLE organisations (
    key                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number              bigint NOT NULL,
    name                text   COLLATE "C" NOT NULL,
    time_zone           text   COLLATE "C" NOT NULL,
    max_grace_s         bigint NOT NULL,
    scheduled_log_off_s bigint,
    created_at          bigint NOT NULL,
    version             bigint NOT NULL,
    totals_version      bigint NOT NULL DEFAULT 0,
    batch               bigint NOT NULL DEFAULT 0,
    last_at             bigint NOT NULL,
    sequence            bigint NOT NULL DEFAULT 0,
    removed_at          bigint,
    intervals_until     bigint NOT NULL DEFAULT 0,
    wallboards_maximum  bigint NOT NULL DEFAULT 0,
    wallboards_version  bigint NOT NULL DEFAULT 0,
    whole_from          bigint NOT NULL DEFAULT 0,
    month               text   COLLATE "C",
    month_began_at      bigint,
    -- Which node decides for it, since when, and how often that has changed: every commit names the epoch
    -- under which it was decided, and one of another epoch is refused.
    owner               text   COLLATE "C",
    incarnation         bigint,
    epoch               bigint NOT NULL DEFAULT 0,
    owned_since         bigint,                    -- since when it is run without a break
    owned_until         bigint,                    -- when it was given away; NULL once it is claimed again
    moved               bigint NOT NULL DEFAULT nextval('ownership_moves')  -- anew at each change of owner
) WITH (fillfactor = 50);                          -- every commit moves a row on, beside where it was

CREATE UNIQUE INDEX organisations_number ON organisations (number) WHERE removed_at IS NULL;
CREATE INDEX organisations_moved ON organisations (moved);
CREATE INDEX organisations_owner ON organisations (owner) WHERE removed_at IS NULL;

CREATE TABLE nodes (
    node        text        COLLATE "C" PRIMARY KEY,
    incarnation bigint      NOT NULL,
    address     text        NOT NULL,
    since       bigint      NOT NULL,
    seen_at     bigint      NOT NULL,
    lease_until timestamptz NOT NULL,
    is_over     boolean     NOT NULL DEFAULT false,
    seen_before bigint                             -- when the run before was last seen
) WITH (fillfactor = 50);

CREATE TABLE users (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation bigint NOT NULL REFERENCES organisations (key),
    "user"       text   COLLATE "C" NOT NULL,
    name         text   COLLATE "C" NOT NULL,
    status       text   COLLATE "C" NOT NULL,
    user_type    text   COLLATE "C" NOT NULL,
    features     text   COLLATE "C" NOT NULL,
    synced       text   COLLATE "C" NOT NULL DEFAULT '[]',
    created_at   bigint NOT NULL,
    version      bigint NOT NULL,
    removed_at   bigint
);

CREATE UNIQUE INDEX users_user ON users (organisation, "user") WHERE removed_at IS NULL;
CREATE INDEX users_organisation ON users (organisation, id) WHERE removed_at IS NULL;

CREATE TABLE totals (
    organisation bigint NOT NULL REFERENCES organisations (key),
    licence      text   COLLATE "C" NOT NULL,
    base         bigint NOT NULL,
    concurrent   bigint NOT NULL,
    contingency  bigint NOT NULL,
    fixed        bigint NOT NULL,
    unit_price   text   COLLATE "C",
    PRIMARY KEY (organisation, licence)
);

CREATE TABLE sessions (
    organisation bigint NOT NULL REFERENCES organisations (key),
    session      text   COLLATE "C" NOT NULL,
    "user"       text   COLLATE "C" NOT NULL,
    device       text   COLLATE "C" NOT NULL,
    since        bigint NOT NULL,
    grace_s      bigint NOT NULL,
    resume       bytea  NOT NULL,
    address      text   COLLATE "C" NOT NULL,
    held         jsonb  NOT NULL DEFAULT '{}',
    PRIMARY KEY (organisation, session)
) WITH (fillfactor = 80);

-- What sessions hold, a row for each instance, for whoever reads.
CREATE VIEW instances AS
    SELECT s.organisation, s.session, h.key COLLATE "C" AS licence, (h.value ->> 0) COLLATE "C" AS pool,
           (h.value ->> 1)::bigint AS since, (h.value ->> 2)::bigint AS holder_order,
           (h.value ->> 3)::bigint AS holder_since
    FROM sessions AS s, jsonb_each(s.held) AS h;

CREATE TABLE places (
    organisation bigint NOT NULL,
    session      text   COLLATE "C" NOT NULL,
    licence      text   COLLATE "C" NOT NULL,
    place        bigint NOT NULL,
    PRIMARY KEY (organisation, session, licence),
    FOREIGN KEY (organisation, session) REFERENCES sessions (organisation, session) ON DELETE CASCADE
);

CREATE TABLE maxima (
    organisation bigint NOT NULL REFERENCES organisations (key),
    month        text   COLLATE "C" NOT NULL,
    licence      text   COLLATE "C" NOT NULL,
    maximum      bigint NOT NULL,
    reached_at   bigint NOT NULL,
    PRIMARY KEY (organisation, month, licence)
);

-- The logs. Within one organisation neither ids nor instants ever go backwards: it has one owner at a time,
-- whose commits follow each other. One user's records have an ordinary index: here an index that is written
-- all over is written behind the commit, by the checkpoints.

CREATE TABLE usage (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation bigint NOT NULL,
    at           bigint NOT NULL,
    usage_type   text   COLLATE "C" NOT NULL,
    licence      text   COLLATE "C" NOT NULL,
    "user"       text   COLLATE "C" NOT NULL,
    device       text   COLLATE "C" NOT NULL,
    logon_source text   COLLATE "C" NOT NULL,
    session      text   COLLATE "C" NOT NULL,
    pool         text   COLLATE "C" NOT NULL,
    reason       text   COLLATE "C"
);

CREATE INDEX usage_at ON usage (organisation, at, id);
CREATE INDEX usage_user ON usage (organisation, "user", id);
CREATE INDEX usage_session ON usage (session, id);

CREATE TABLE denials (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation bigint NOT NULL,
    at           bigint NOT NULL,
    licence      text   COLLATE "C" NOT NULL,
    "user"       text   COLLATE "C" NOT NULL,
    device       text   COLLATE "C" NOT NULL,
    reason       text   COLLATE "C" NOT NULL,
    outcome      text   COLLATE "C" NOT NULL
);

CREATE INDEX denials_at ON denials (organisation, at, id);
CREATE INDEX denials_user ON denials (organisation, "user", id);

CREATE TABLE life (
    id    bigint PRIMARY KEY CHECK (id = 1),
    at    bigint NOT NULL,
    since bigint NOT NULL DEFAULT 0
);

CREATE TABLE totals_log (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation bigint NOT NULL REFERENCES organisations (key),
    at           bigint NOT NULL,
    licence      text   COLLATE "C" NOT NULL,
    base         bigint NOT NULL,
    concurrent   bigint NOT NULL,
    contingency  bigint NOT NULL,
    fixed        bigint NOT NULL
);

CREATE INDEX totals_log_organisation ON totals_log (organisation, licence, id);

CREATE TABLE base_units (
    organisation  bigint NOT NULL REFERENCES organisations (key),
    unit          bigint NOT NULL,
    licence       text   COLLATE "C" NOT NULL,
    "user"        text   COLLATE "C" NOT NULL,
    is_gone       bigint NOT NULL,
    assigned_at   bigint NOT NULL,
    is_reassigned bigint NOT NULL,
    released_at   bigint,
    PRIMARY KEY (organisation, unit)
);

CREATE TABLE base_log (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation bigint NOT NULL REFERENCES organisations (key),
    at           bigint NOT NULL,
    licence      text   COLLATE "C" NOT NULL,
    unit         bigint NOT NULL,
    change       text   COLLATE "C" NOT NULL,
    "user"       text   COLLATE "C" NOT NULL
);

CREATE INDEX base_log_unit ON base_log (organisation, unit, id);

CREATE TABLE lapses (
    organisation bigint NOT NULL REFERENCES organisations (key),
    month        text   COLLATE "C" NOT NULL,
    licence      text   COLLATE "C" NOT NULL,
    "user"       text   COLLATE "C" NOT NULL,
    is_gone      bigint NOT NULL,
    at           bigint NOT NULL,
    PRIMARY KEY (organisation, month, "user", licence, is_gone, at)
);

CREATE TABLE intervals (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation     bigint NOT NULL,
    start            bigint NOT NULL,
    licence          text   COLLATE "C" NOT NULL,
    concurrent       bigint NOT NULL,
    contingency      bigint NOT NULL,
    concurrent_peak  bigint NOT NULL,
    concurrent_low   bigint NOT NULL,
    contingency_peak bigint NOT NULL,
    contingency_low  bigint NOT NULL,
    holders_peak     bigint NOT NULL
);

CREATE UNIQUE INDEX intervals_start ON intervals (organisation, start, licence);

CREATE TABLE interval_hours (
    organisation     bigint NOT NULL REFERENCES organisations (key),
    hour             bigint NOT NULL,
    licence          text   COLLATE "C" NOT NULL,
    intervals        bigint NOT NULL,
    concurrent_sum   bigint NOT NULL,
    contingency_sum  bigint NOT NULL,
    concurrent_peak  bigint NOT NULL,
    concurrent_low   bigint NOT NULL,
    contingency_peak bigint NOT NULL,
    contingency_low  bigint NOT NULL,
    holders_peak     bigint NOT NULL,
    PRIMARY KEY (organisation, hour, licence)
);

CREATE TABLE maximum_sessions (
    organisation bigint NOT NULL REFERENCES organisations (key),
    month        text   COLLATE "C" NOT NULL,
    licence      text   COLLATE "C" NOT NULL,
    session      text   COLLATE "C" NOT NULL,
    "user"       text   COLLATE "C" NOT NULL,
    PRIMARY KEY (organisation, month, licence, session)
);

CREATE TABLE bill_lines (
    organisation    bigint NOT NULL REFERENCES organisations (key),
    month           text   COLLATE "C" NOT NULL,
    licence         text   COLLATE "C" NOT NULL,
    base            bigint NOT NULL,
    concurrent      bigint NOT NULL,
    fixed           bigint NOT NULL,
    contingency_max bigint NOT NULL,
    unit_price      text   COLLATE "C",
    closed_at       bigint NOT NULL,
    PRIMARY KEY (organisation, month, licence)
);

CREATE TABLE wallboards (
    organisation bigint NOT NULL REFERENCES organisations (key),
    id           text   COLLATE "C" NOT NULL,
    name         text   COLLATE "C" NOT NULL,
    "user"       text   COLLATE "C",
    created_at   bigint NOT NULL,
    PRIMARY KEY (organisation, id)
);

CREATE TABLE accounts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation bigint REFERENCES organisations (key),
    "user"       text   COLLATE "C" NOT NULL,
    role         text   COLLATE "C" NOT NULL,
    password     text   COLLATE "C" NOT NULL,
    totp_secret  bytea  NOT NULL,
    totp_step    bigint,
    failures     bigint NOT NULL,
    locked_at    bigint,
    created_at   bigint NOT NULL,
    version      bigint NOT NULL,
    CHECK ((role = 'operator') = (organisation IS NULL))
);

CREATE UNIQUE INDEX accounts_user ON accounts (coalesce(organisation, 0), "user");

CREATE TABLE unknown_sign_ins (
    id       bigint PRIMARY KEY CHECK (id = 1),
    attempts bigint NOT NULL
);

INSERT INTO unknown_sign_ins (id, attempts) VALUES (1, 0);

CREATE TABLE audit (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation bigint REFERENCES organisations (key),
    at           bigint NOT NULL,
    actor        text   COLLATE "C" NOT NULL,
    role         text   COLLATE "C" NOT NULL,
    action       text   COLLATE "C" NOT NULL,
    target       text   COLLATE "C" NOT NULL,
    before       text   COLLATE "C",
    after        text   COLLATE "C"
);

CREATE INDEX audit_organisation ON audit (organisation, id);

-- Ends a transaction whose statements were all sent before the first was answered: where a statement did not
-- find what it must, nothing of what was sent after it is done.
CREATE FUNCTION must_be(counted bigint, expected bigint, what text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF counted <> expected THEN
        RAISE EXCEPTION USING ERRCODE = 'LB001', MESSAGE = format('%s: %s of %s', what, counted, expected);
    END IF;
    RETURN counted;
END
$$;

-- What every commit does stands in functions: a server process plans each statement of them once and goes on
-- with that, however many clients a pooler gives it to. A statement that a client sends is planned every time,
-- which was more than half of what the commit of one login cost the server. Parameters are arrays, an element
-- for each row.

-- Keys, numbers and epochs of organisations, the batches at which they must be, and where they stand then.
CREATE FUNCTION move_on(bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moved bigint;
BEGIN
    UPDATE organisations AS o SET batch = m.batch, last_at = greatest(o.last_at, m.last_at),
        sequence = greatest(o.sequence, m.sequence)
    FROM unnest($1, $2, $3, $4, $5, $6, $7)
        AS m (key, number, epoch, before, batch, last_at, sequence)
    WHERE o.key = m.key AND o.number = m.number AND o.removed_at IS NULL AND o.epoch = m.epoch
        AND o.batch = m.before;
    GET DIAGNOSTICS moved = ROW_COUNT;
    PERFORM must_be(moved, cardinality($1), 'organisations where they must be');
END
$$;

-- Sessions that go on, what they got and gave back, and whether they got anything: those must be there.
CREATE FUNCTION change_held(bigint[], text[], text[], boolean[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    WITH changes AS (
        UPDATE sessions AS s SET held = jsonb_strip_nulls(s.held || h.held::jsonb)
        FROM unnest($1, $2, $3, $4) AS h (organisation, session, held, got)
        WHERE s.organisation = h.organisation AND s.session = h.session RETURNING h.got)
    SELECT count(*) INTO changed FROM changes WHERE got;
    PERFORM must_be(changed, cardinality(array_positions($4, true)), 'sessions that got a licence');
END
$$;

CREATE FUNCTION close_sessions(bigint[], text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sessions AS s USING unnest($1, $2) AS c (organisation, session)
    WHERE s.organisation = c.organisation AND s.session = c.session;
END
$$;

CREATE FUNCTION open_sessions(
    bigint[], text[], text[], text[], bigint[], bigint[], bytea[], text[], text[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sessions
        (organisation, session, "user", device, since, grace_s, resume, address, held)
    SELECT n.organisation, n.session, n."user", n.device, n.since, n.grace_s, n.resume, n.address,
        n.held::jsonb
    FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
        AS n (organisation, session, "user", device, since, grace_s, resume, address, held);
END
$$;

-- Numbers are given in the order of the elements, which is that of the decisions.
CREATE FUNCTION log_usage(
    bigint[], bigint[], text[], text[], text[], text[], text[], text[], text[], text[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage (organisation, at, usage_type, licence, "user", device, logon_source, session,
        pool, reason)
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
END
$$;

CREATE FUNCTION log_denials(bigint[], bigint[], text[], text[], text[], text[], text[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO denials (organisation, at, licence, "user", device, reason, outcome)
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7);
END
$$;
