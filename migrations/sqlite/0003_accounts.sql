-- Who signs in to the broker itself, and what the platform's own accounts leave in the audit.

CREATE TABLE accounts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation INTEGER REFERENCES organisations (key),  -- NULL: an operator of the platform
    user         TEXT    NOT NULL,
    role         TEXT    NOT NULL,          -- admin, supervisor; operator where there is no organisation
    password     TEXT    NOT NULL,          -- Argon2id, as a PHC string
    totp_secret  BLOB    NOT NULL,          -- RFC 6238, SHA-1
    totp_step    INTEGER,                   -- of the last code that was accepted; 30 s each
    failures     INTEGER NOT NULL,          -- wrong sign-ins since the last right one
    locked_at    INTEGER,
    created_at   INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    CHECK ((role = 'operator') = (organisation IS NULL))
) STRICT;

CREATE UNIQUE INDEX accounts_user ON accounts (coalesce(organisation, 0), user);

-- Sign-ins for accounts that there are not. Counted so that they cost what others cost: a commit.
CREATE TABLE unknown_sign_ins (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    attempts INTEGER NOT NULL
) STRICT;

INSERT INTO unknown_sign_ins (id, attempts) VALUES (1, 0);

-- The audit as it was, with room for what belongs to no organisation. Several writers keep records of
-- one organisation, so their instants may pass each other: pages go by the order in which they were kept.
CREATE TABLE audit_wide (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation INTEGER REFERENCES organisations (key),  -- NULL: the platform's own
    at           INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    target       TEXT    NOT NULL,
    before       TEXT,
    after        TEXT
) STRICT;

INSERT INTO audit_wide SELECT * FROM audit;
DROP TABLE audit;
ALTER TABLE audit_wide RENAME TO audit;

CREATE INDEX audit_organisation ON audit (organisation);
