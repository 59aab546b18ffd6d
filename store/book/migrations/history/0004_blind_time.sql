-- How much later blind time made the deadline that a silence missed; NULL when it did not.
ALTER TABLE incidents ADD COLUMN delayed_ms INTEGER;

-- When pings could not be heard, once that was over; `told` says to how many organisations. One that is written down is
-- never told again.
CREATE TABLE blind_times (
    to_ms INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    told INTEGER NOT NULL,
    PRIMARY KEY (to_ms, from_ms)
) STRICT, WITHOUT ROWID;
