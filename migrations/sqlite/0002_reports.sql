-- What administrators and finance read: base licences, five-minute figures, bills, wallboards, audit.

-- When the run of the broker began whose last sign of life `at` is.
ALTER TABLE life ADD COLUMN since INTEGER NOT NULL DEFAULT 0;

ALTER TABLE organisations ADD COLUMN intervals_until    INTEGER NOT NULL DEFAULT 0;  -- end of the last one recorded
ALTER TABLE organisations ADD COLUMN wallboards_maximum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE organisations ADD COLUMN wallboards_version INTEGER NOT NULL DEFAULT 0;

-- Features that the PBX's list gave; a JSON array of keys. `features` has those given by hand.
ALTER TABLE users ADD COLUMN synced TEXT NOT NULL DEFAULT '[]';

ALTER TABLE totals ADD COLUMN unit_price TEXT;          -- a decimal as it was written

-- Every change of what was bought, so that a month knows the highest totals that were in force in it.
CREATE TABLE totals_log (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    at           INTEGER NOT NULL,
    licence      TEXT    NOT NULL,
    base         INTEGER NOT NULL,
    concurrent   INTEGER NOT NULL,
    contingency  INTEGER NOT NULL,
    fixed        INTEGER NOT NULL
) STRICT;

CREATE INDEX totals_log_organisation ON totals_log (organisation, licence, id);

INSERT INTO totals_log (organisation, at, licence, base, concurrent, contingency, fixed)
    SELECT organisation, created_at, licence, base, concurrent, contingency, fixed
    FROM totals JOIN organisations ON key = organisation;

-- Base licences: a row for each unit that is assigned, or was and is not forgotten yet.
CREATE TABLE base_units (
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    unit         INTEGER NOT NULL,
    licence      TEXT    NOT NULL,
    user         TEXT    NOT NULL,          -- who has it, or had it last
    is_gone      INTEGER NOT NULL,          -- 1 when that user was deleted: whoever has the name now is another
    assigned_at  INTEGER NOT NULL,          -- what the 90 days count from
    is_reassigned INTEGER NOT NULL,         -- 1 when that assignment was the one re-assignment
    released_at  INTEGER,
    PRIMARY KEY (organisation, unit)
) STRICT, WITHOUT ROWID;

-- The history of every unit.
CREATE TABLE base_log (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    at           INTEGER NOT NULL,
    licence      TEXT    NOT NULL,
    unit         INTEGER NOT NULL,
    change       TEXT    NOT NULL,          -- assigned, reassigned, returned, released
    user         TEXT    NOT NULL
) STRICT;

CREATE INDEX base_log_unit ON base_log (organisation, unit, id);

-- Users who were active with a type earlier in the month, and are not any more.
CREATE TABLE lapses (
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    month        TEXT    NOT NULL,          -- the local month's first day, YYYY-MM-DD
    licence      TEXT    NOT NULL,          -- empty: active at all
    user         TEXT    NOT NULL,
    is_gone      INTEGER NOT NULL,          -- 1 when that user was deleted
    at           INTEGER NOT NULL,
    PRIMARY KEY (organisation, month, user, licence, is_gone, at)
) STRICT, WITHOUT ROWID;

-- Five-minute figures. Ids and starts grow together; an interval ends five minutes after its start.
CREATE TABLE intervals (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation     INTEGER NOT NULL REFERENCES organisations (key),
    start            INTEGER NOT NULL,
    licence          TEXT    NOT NULL,
    concurrent       INTEGER NOT NULL,      -- at the end
    contingency      INTEGER NOT NULL,
    concurrent_peak  INTEGER NOT NULL,
    concurrent_low   INTEGER NOT NULL,
    contingency_peak INTEGER NOT NULL,
    contingency_low  INTEGER NOT NULL,
    holders_peak     INTEGER NOT NULL       -- with those above everything that was bought
) STRICT;

CREATE UNIQUE INDEX intervals_start ON intervals (organisation, start, licence);

-- The same by the hour (UTC), kept up by every commit of intervals, so that a year is read quickly.
CREATE TABLE interval_hours (
    organisation     INTEGER NOT NULL REFERENCES organisations (key),
    hour             INTEGER NOT NULL,      -- its start
    licence          TEXT    NOT NULL,
    intervals        INTEGER NOT NULL,      -- how many it is made of
    concurrent_sum   INTEGER NOT NULL,
    contingency_sum  INTEGER NOT NULL,
    concurrent_peak  INTEGER NOT NULL,
    concurrent_low   INTEGER NOT NULL,
    contingency_peak INTEGER NOT NULL,
    contingency_low  INTEGER NOT NULL,
    holders_peak     INTEGER NOT NULL,
    PRIMARY KEY (organisation, hour, licence)
) STRICT, WITHOUT ROWID;

-- The sessions that held the contingency licences when a month's maximum (table `maxima`) was reached.
CREATE TABLE maximum_sessions (
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    month        TEXT    NOT NULL,
    licence      TEXT    NOT NULL,
    session      TEXT    NOT NULL,
    user         TEXT    NOT NULL,
    PRIMARY KEY (organisation, month, licence, session)
) STRICT, WITHOUT ROWID;

-- Closed months; a line never changes once it is here.
CREATE TABLE bill_lines (
    organisation    INTEGER NOT NULL REFERENCES organisations (key),
    month           TEXT    NOT NULL,
    licence         TEXT    NOT NULL,
    base            INTEGER NOT NULL,       -- the highest totals in force during the month
    concurrent      INTEGER NOT NULL,
    fixed           INTEGER NOT NULL,
    contingency_max INTEGER NOT NULL,
    unit_price      TEXT,
    closed_at       INTEGER NOT NULL,
    PRIMARY KEY (organisation, month, licence)
) STRICT, WITHOUT ROWID;

CREATE TABLE wallboards (
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    id           TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    user         TEXT,                      -- whose licence says of which kind it is
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (organisation, id)
) STRICT, WITHOUT ROWID;

-- Administrative changes. `before` and `after` are JSON objects.
CREATE TABLE audit (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation INTEGER NOT NULL REFERENCES organisations (key),
    at           INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    target       TEXT    NOT NULL,
    before       TEXT,
    after        TEXT
) STRICT;

CREATE INDEX audit_at ON audit (organisation, at);
