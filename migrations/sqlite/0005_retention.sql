-- Retention. Records of the logs from this instant on are all there. Of what is older some may be
-- deleted; and where the organisation is older than this column, what was bought then is not known.
ALTER TABLE organisations ADD COLUMN whole_from INTEGER NOT NULL DEFAULT 0;

UPDATE organisations SET whole_from = last_at + 1;
