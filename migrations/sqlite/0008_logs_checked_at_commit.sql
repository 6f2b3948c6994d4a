-- That a record's organisation is there is checked when a batch commits, no longer after each statement: a
-- statement of many rows that may fail by itself has SQLite keep a copy of every page that it changes, to
-- take it back alone, and a batch is never taken back but as a whole. The schema's text changes and nothing
-- that is stored (https://www.sqlite.org/lang_altertable.html, section 8).

PRAGMA writable_schema = ON;

UPDATE sqlite_schema
SET sql = replace(sql, 'NOT NULL REFERENCES organisations (key),',
                       'NOT NULL REFERENCES organisations (key) DEFERRABLE INITIALLY DEFERRED,')
WHERE type = 'table' AND name IN ('usage', 'denials');

PRAGMA writable_schema = RESET;
