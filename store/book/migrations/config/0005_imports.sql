-- Files of monitors that were imported, so that an import that was cut off goes on where it stopped, and one that is
-- repeated makes nothing twice. `digest` is the SHA-256 of the file, `lines` how many monitors it asks for.
CREATE TABLE imports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id INTEGER NOT NULL REFERENCES orgs (id),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    lines INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX imports_by_digest ON imports (org_id, digest, id);

-- What each transaction of an import made: `monitors` of them, from `first_monitor_id` on, in the order of the file.
CREATE TABLE import_batches (
    import_id INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    first_monitor_id INTEGER NOT NULL,
    monitors INTEGER NOT NULL,
    PRIMARY KEY (import_id, first_monitor_id)
) STRICT, WITHOUT ROWID;
