-- The month that is under way and when it was begun: not where the calendar of a time zone that was
-- changed since would put it. NULL where no month was closed since the organisation got this column.
ALTER TABLE organisations ADD COLUMN month          TEXT;     -- the local month's first day, YYYY-MM-DD
ALTER TABLE organisations ADD COLUMN month_began_at INTEGER;

UPDATE organisations SET (month, month_began_at) = (
    SELECT date(b.month, '+1 month'), b.closed_at FROM bill_lines AS b
    WHERE b.organisation = key ORDER BY b.month DESC LIMIT 1);
