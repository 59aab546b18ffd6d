-- What was true. Pings and samples lie in tables by day or month, made when their first row comes: pings_20260302 (see
-- history_writer.py), samples_20260302, minutes_20260302, hours_202603 (see sample_writer.py).

-- Up to where each stream is in this file; written in the transaction that writes its rows.
CREATE TABLE positions (
    generation TEXT NOT NULL,
    shard INTEGER NOT NULL,
    stream TEXT NOT NULL,
    entry TEXT NOT NULL,
    appended_bytes INTEGER NOT NULL,
    PRIMARY KEY (generation, shard, stream)
) STRICT, WITHOUT ROWID;

-- `silence_ms` is the moment that an incident's id is made of: when the silence began, or the first breach of a rule.
-- `alert_id` (public) and `metric_key` are there for the kind `metric`.
CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    monitor_id INTEGER NOT NULL,
    org_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    silence_ms INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    alert_id TEXT,
    metric_key TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX incidents_of_monitor ON incidents (monitor_id, started_ms, id);
CREATE INDEX incidents_of_org ON incidents (org_id, started_ms, id);
CREATE INDEX incidents_open ON incidents (monitor_id) WHERE ended_ms IS NULL;

-- The last ping id that was given out; ids grow over all days.
CREATE TABLE ping_ids (last INTEGER NOT NULL) STRICT;
INSERT INTO ping_ids (last) VALUES (0);

-- What a monitor's pings say of themselves: a key, discovered by its first value, with its latest one (a double or a
-- text). AUTOINCREMENT, because samples know their key by this id.
CREATE TABLE metric_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    monitor_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    last ANY NOT NULL,
    last_ms INTEGER NOT NULL,
    UNIQUE (monitor_id, key)
) STRICT;

-- How many values a monitor sent under keys that were one too many.
CREATE TABLE metric_refusals (
    monitor_id INTEGER PRIMARY KEY,
    refused INTEGER NOT NULL,
    last_ms INTEGER NOT NULL
) STRICT;

-- Where each threshold rule stands; written in the transaction that writes the samples it was judged by.
-- `version` is the rule's own. `breach_ms` is the first breach of the streak, or of the one before; it only grows.
-- `started_ms` is 0 unless an incident is open; `incident_id` and `channel_id` are that incident's, or the last one's.
CREATE TABLE alert_states (
    alert_id INTEGER PRIMARY KEY,
    monitor_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    streak INTEGER NOT NULL,
    breach_ms INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    incident_id TEXT NOT NULL,
    channel_id INTEGER NOT NULL
) STRICT;

-- What threshold rules have to tell, on its way to Redis; ids grow with time, also from one history.db to the next.
CREATE TABLE alert_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    shard INTEGER NOT NULL,
    event BLOB NOT NULL
) STRICT;
