-- What a session holds stands in its own row: a login writes one row in place of one for each licence, which
-- was a third of what its commit cost. A JSON object; by the key of each type an array of the pool, the
-- instant of the grant, the rank of its user among the holders, and since when the user is one.

ALTER TABLE sessions ADD COLUMN held TEXT NOT NULL DEFAULT '{}';

UPDATE sessions SET held = (
    SELECT json_group_object(licence, json_array(pool, since, holder_order, holder_since))
    FROM instances AS i WHERE i.organisation = sessions.organisation AND i.session = sessions.session);

DROP TABLE instances;

-- The same, a row for each instance, for whoever reads.
CREATE VIEW instances AS
    SELECT s.organisation, s.session, h.key AS licence, h.value ->> 0 AS pool, h.value ->> 1 AS since,
           h.value ->> 2 AS holder_order, h.value ->> 3 AS holder_since
    FROM sessions AS s, json_each(iif(json_valid(s.held), s.held, '{}')) AS h;
