-- Sessions that somebody has signed out of before they were over: the SHA-256 of the cookie, until the cookie is too old anyway.
CREATE TABLE ended_sessions (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX ended_sessions_by_end ON ended_sessions (until_ms);

-- When a monitor was last paused or resumed; NULL if it never was, or before this was noted.
ALTER TABLE monitors ADD COLUMN pause_changed_ms INTEGER;
