-- One user's records, found without scanning everybody's. An index by user in the log's own place would be
-- written all over by every login. This one is written behind the log: a run of so many records at a time,
-- sorted within itself, after the runs before it. So writing it is appending, and reading it is one look
-- into each run. What is behind the last run is scanned.

CREATE TABLE usage_runs (
    last_id  INTEGER PRIMARY KEY,           -- of the log; the run begins behind that of the run before
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL               -- the latest up to here: that of a run before, if it is later
) STRICT;

CREATE TABLE usage_of_user (
    run          INTEGER NOT NULL,          -- its last_id
    organisation INTEGER NOT NULL,
    user         TEXT    NOT NULL,
    id           INTEGER NOT NULL,          -- of the record; it may be gone from the log
    PRIMARY KEY (run, organisation, user, id)
) STRICT, WITHOUT ROWID;
