-- config.db: what was asked for. Times are Unix milliseconds; `version` columns only grow.

-- This installation; exactly one row. Redis carries the same generation.
CREATE TABLE installation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation TEXT NOT NULL,
    shards INTEGER NOT NULL CHECK (shards > 0),
    created_ms INTEGER NOT NULL
) STRICT;

-- Whoever monitors, channels and API keys belong to.
CREATE TABLE orgs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    channels_version INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL
) STRICT;

-- Keys of the admin API. Only the SHA-256 is kept; `prefix` is what lists show.
-- `is_admin` marks the one that OVERDUE_ADMIN_KEY or the file admin-key holds.
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

-- AUTOINCREMENT, because Redis and the history know monitors by this id: one is never used again.
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

-- What workers ping. Every monitor has a token; those made by the first spelling also a short key.
-- `digest` is what Redis knows the key by.
CREATE TABLE monitor_keys (
    monitor_id INTEGER NOT NULL REFERENCES monitors (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('token', 'short')),
    key TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL UNIQUE,
    PRIMARY KEY (monitor_id, kind)
) STRICT;

-- Who is told. `settings` is the JSON of the channel's own type (for a webhook: url, secret).
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

-- Changes that Redis may not have heard of yet; written with the change, removed when Redis has it.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,
    payload BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
