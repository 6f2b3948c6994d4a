-- Instants are integer milliseconds UTC. Licence types are named by their keys, because the catalogue
-- may change. Organisations, users and records have internal keys; the numbers and names by which
-- people know them may be given anew after a deletion.

CREATE TABLE organisations (
    key                 INTEGER PRIMARY KEY AUTOINCREMENT,
    number              INTEGER NOT NULL,
    name                TEXT    NOT NULL,
    time_zone           TEXT    NOT NULL,
    max_grace_s         INTEGER NOT NULL,
    scheduled_log_off_s INTEGER,            -- seconds after local midnight
    created_at          INTEGER NOT NULL,
    version             INTEGER NOT NULL,
    totals_version      INTEGER NOT NULL DEFAULT 0,
    batch               INTEGER NOT NULL DEFAULT 0,  -- the last one that was committed
    last_at             INTEGER NOT NULL,   -- of the last record; at first that of creation
    sequence            INTEGER NOT NULL DEFAULT 0,  -- the last number given to a version, a holder, a place
    removed_at          INTEGER
) STRICT;

CREATE UNIQUE INDEX organisations_number ON organisations (number) WHERE removed_at IS NULL;

CREATE TABLE users (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    user         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    user_type    TEXT    NOT NULL,
    features     TEXT    NOT NULL,          -- a JSON array of keys
    created_at   INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    removed_at   INTEGER
) STRICT;

CREATE UNIQUE INDEX users_user ON users (organisation, user) WHERE removed_at IS NULL;
CREATE INDEX users_organisation ON users (organisation) WHERE removed_at IS NULL;

CREATE TABLE totals (
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    licence      TEXT    NOT NULL,
    base         INTEGER NOT NULL,
    concurrent   INTEGER NOT NULL,
    contingency  INTEGER NOT NULL,
    fixed        INTEGER NOT NULL,
    PRIMARY KEY (organisation, licence)
) STRICT, WITHOUT ROWID;

-- Open sessions only, and what they hold and wait for.

CREATE TABLE sessions (
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    session      TEXT    NOT NULL,          -- a ULID, as on the wire
    user         TEXT    NOT NULL,
    device       TEXT    NOT NULL,
    since        INTEGER NOT NULL,
    grace_s      INTEGER NOT NULL,
    resume       BLOB    NOT NULL,          -- SHA-256 of the resume token
    address      TEXT    NOT NULL,
    PRIMARY KEY (organisation, session)
) STRICT, WITHOUT ROWID;

CREATE TABLE instances (
    organisation INTEGER NOT NULL,
    session      TEXT    NOT NULL,
    licence      TEXT    NOT NULL,
    pool         TEXT    NOT NULL,
    since        INTEGER NOT NULL,
    holder_order INTEGER NOT NULL,
    holder_since INTEGER NOT NULL,
    PRIMARY KEY (organisation, session, licence),
    FOREIGN KEY (organisation, session) REFERENCES sessions ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE places (
    organisation INTEGER NOT NULL,
    session      TEXT    NOT NULL,
    licence      TEXT    NOT NULL,
    place        INTEGER NOT NULL,
    PRIMARY KEY (organisation, session, licence),
    FOREIGN KEY (organisation, session) REFERENCES sessions ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE maxima (
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    month        TEXT    NOT NULL,          -- the local month's first day, YYYY-MM-DD
    licence      TEXT    NOT NULL,
    maximum      INTEGER NOT NULL,
    reached_at   INTEGER NOT NULL,
    PRIMARY KEY (organisation, month, licence)
) STRICT, WITHOUT ROWID;

-- The logs. Within one organisation neither ids nor instants ever go backwards, so that an index by
-- instant serves ranges and pages alike, and is only ever written at its end. It carries the user, so
-- that records of others are passed over without being looked at; an index by user would be written all
-- over, which costs a mass login a quarter of its throughput.

CREATE TABLE usage (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    at           INTEGER NOT NULL,
    usage_type   TEXT    NOT NULL,
    licence      TEXT    NOT NULL,
    user         TEXT    NOT NULL,
    device       TEXT    NOT NULL,
    logon_source TEXT    NOT NULL,
    session      TEXT    NOT NULL,
    pool         TEXT    NOT NULL,
    reason       TEXT
) STRICT;

CREATE INDEX usage_at ON usage (organisation, at, user);
CREATE INDEX usage_session ON usage (session);

CREATE TABLE denials (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    at           INTEGER NOT NULL,
    licence      TEXT    NOT NULL,          -- a key, or the name that the catalogue did not have
    user         TEXT    NOT NULL,
    device       TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    outcome      TEXT    NOT NULL
) STRICT;

CREATE INDEX denials_at ON denials (organisation, at, user);

-- The broker's last sign of life.

CREATE TABLE life (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;
