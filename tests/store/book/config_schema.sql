-- What the migrations of config.db have to add up to.
CREATE TABLE installation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation TEXT NOT NULL,
    shards INTEGER NOT NULL CHECK (shards > 0),
    created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE orgs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    channels_version INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id INTEGER NOT NULL REFERENCES orgs (id),
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    prefix TEXT NOT NULL,
    name TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('read', 'write')),
    is_admin INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),
    created_ms INTEGER NOT NULL,
    last_used_ms INTEGER,
    revoked_ms INTEGER
) STRICT;
CREATE INDEX api_keys_by_org ON api_keys (org_id);
CREATE TABLE monitors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    org_id INTEGER NOT NULL REFERENCES orgs (id),
    name TEXT NOT NULL,
    interval_s INTEGER NOT NULL CHECK (interval_s > 0),
    grace_s INTEGER NOT NULL CHECK (grace_s >= 0),
    paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
    version INTEGER NOT NULL,
    key_epoch INTEGER NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('heartbeats', 'monitors')),
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX monitors_by_org ON monitors (org_id, id);
CREATE TABLE monitor_keys (
    monitor_id INTEGER NOT NULL REFERENCES monitors (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('token', 'short')),
    key TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL UNIQUE,
    PRIMARY KEY (monitor_id, kind)
) STRICT;
CREATE TABLE channels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    org_id INTEGER NOT NULL REFERENCES orgs (id),
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX channels_by_org ON channels (org_id, id);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,
    payload BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
